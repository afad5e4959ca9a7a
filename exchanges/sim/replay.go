package sim

import (
	"sync"
	"sync/atomic"
	"time"
)

// replay serves a capture: each client gets, from the first, the frames of what it
// subscribed to.
type replay struct {
	srv     *Server
	capture *capture
	pairs   map[string]bool

	mu      sync.Mutex
	players map[*conn]*player
	stopped bool
	wg      sync.WaitGroup
}

// player sends the capture to one client.
type player struct {
	c       *conn
	capture *capture
	wanted  atomic.Pointer[[]choice] // by route number; replaced when streams change
}

// choice says whether a client wants the frames of a route, and as which stream.
type choice struct {
	wanted bool
	key    key // zero for a route that goes to everybody
}

func newReplay(s *Server, c *capture, pairs map[string]bool) *replay {
	return &replay{srv: s, capture: c, pairs: pairs, players: map[*conn]*player{}}
}

func (r *replay) knows(pair string) bool       { return r.pairs[pair] }
func (r *replay) book(string) (bookCopy, bool) { return bookCopy{}, false }
func (r *replay) freeze(bool)                  {} // recorded answers are what they are
func (r *replay) start()                       {}
func (r *replay) subscribe(c *conn, _ key)     { r.refresh(c) }
func (r *replay) unsubscribe(c *conn, _ key)   { r.refresh(c) }

func (r *replay) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *replay) begin(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || c.isGone() {
		return
	}
	p := &player{c: c, capture: r.capture}
	p.choose()
	r.players[c] = p
	c.streaming.Store(true)
	r.wg.Go(func() { p.play(r.srv) })
}

func (r *replay) end(c *conn) {
	r.mu.Lock()
	delete(r.players, c)
	r.mu.Unlock()
}

func (r *replay) refresh(c *conn) {
	r.mu.Lock()
	p := r.players[c]
	r.mu.Unlock()
	if p != nil {
		p.choose()
	}
}

// choose works out which routes the client wants now.
func (p *player) choose() {
	keys := p.c.wanted()
	wanted := make([]choice, len(p.capture.routes))
	for n, r := range p.capture.routes {
		for _, k := range keys {
			if !r.matches(k) {
				continue
			}
			wanted[n].wanted = true
			if r.named() {
				wanted[n].key = k
			}
			break
		}
	}
	p.wanted.Store(&wanted)
}

// named reports whether a route names a stream.
func (r route) named() bool { return r.pair != "" && r.channel != "" }

// matches reports whether a frame of route r belongs to stream k.
func (r route) matches(k key) bool {
	if !r.named() {
		return true
	}
	return r.channel == k.channel && r.pair == k.pair && (r.level == "" || k.level == "" || r.level == k.level)
}

// kickEvery is how many frames may be queued before the writer is woken.
const kickEvery = 32

// play sends the frames, as many in a write as are due, at the recording's pace
// times the speed; at speed 0 the client's reading is the only brake.
func (p *player) play(s *Server) {
	pace := pacer{speed: s.cfg.Speed, c: p.c}
	defer p.c.kick()
	for i := range p.capture.frames {
		f := &p.capture.frames[i]
		choice := (*p.wanted.Load())[f.route]
		if !choice.wanted {
			continue
		}
		if !pace.wait(f.timeNS) || !p.c.waitRoom() {
			return
		}
		r := p.capture.routes[f.route]
		if p.c.queueData(&frame{key: choice.key, channel: r.channel, op: f.op, payload: f.data, items: 1, delta: r.delta}) == fateGone {
			return
		}
		if i%kickEvery == 0 {
			p.c.kick()
		}
	}
	p.c.served.Store(true)
}

// pacer turns receive times of a recording into waits.
type pacer struct {
	speed   float64
	c       *conn
	firstNS int64
	began   time.Time
}

// wait blocks until a frame of receive time t is due, after having sent what was
// due before; false when the client is gone.
func (p *pacer) wait(t int64) bool {
	if p.speed == 0 || t == 0 {
		return true
	}
	if p.firstNS == 0 {
		p.firstNS, p.began = t, time.Now()
	}
	due := p.began.Add(time.Duration(float64(t-p.firstNS) / p.speed))
	left := time.Until(due)
	if left <= 0 {
		return true
	}
	p.c.kick()
	select {
	case <-p.c.quit:
		return false
	case <-time.After(left):
		return true
	}
}
