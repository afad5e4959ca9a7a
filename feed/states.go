package feed

import "sync"

// State is the life of a market's connections, taken together.
//
// CONNECTED and RECONNECTED hold while every connection is up. Transitions, by
// what happened:
//
//	from          start       all up        one lost      dialling      closing  closed
//	NONE          CONNECTING                                            CLOSING
//	CONNECTING                CONNECTED                                 CLOSING
//	CONNECTED                               DISCONNECTED                CLOSING
//	DISCONNECTED              RECONNECTED*                RECONNECTING  CLOSING
//	RECONNECTING              RECONNECTED                               CLOSING
//	RECONNECTED                             DISCONNECTED                CLOSING
//	CLOSING                                                                      CLOSED
//
// Where the table is empty nothing changes: a dial that fails leaves CONNECTING
// or RECONNECTING as it is, and a connection that is added for more symbols
// changes nothing unless it fails. *RECONNECTING is told in between. CLOSED is
// the last.
type State uint8

// States. The zero value is that before Initialize.
const (
	StateNone State = iota
	StateConnecting
	StateConnected
	StateDisconnected
	StateReconnecting
	StateReconnected
	StateClosing
	StateClosed
	stateCount
)

var stateNames = [stateCount]string{
	"NONE", "CONNECTING", "CONNECTED", "DISCONNECTED", "RECONNECTING", "RECONNECTED", "CLOSING", "CLOSED",
}

// String is the state's name in capitals.
func (s State) String() string {
	if s >= stateCount {
		return "UNKNOWN"
	}
	return stateNames[s]
}

// up says that every connection is up.
func (s State) up() bool { return s == StateConnected || s == StateReconnected }

// stateEvent is what may move a State.
type stateEvent uint8

const (
	eventStart    stateEvent = iota // Initialize has begun
	eventAllUp                      // every connection is up
	eventLost                       // a connection went down
	eventDialling                   // a connection is being made
	eventClosing                    // Close has begun
	eventClosed                     // nothing is left
	eventCount
)

// transitions is the table of State; StateNone is no change.
var transitions = [stateCount][eventCount]State{
	StateNone:         {eventStart: StateConnecting, eventClosing: StateClosing},
	StateConnecting:   {eventAllUp: StateConnected, eventClosing: StateClosing},
	StateConnected:    {eventLost: StateDisconnected, eventClosing: StateClosing},
	StateDisconnected: {eventAllUp: StateReconnected, eventDialling: StateReconnecting, eventClosing: StateClosing},
	StateReconnecting: {eventAllUp: StateReconnected, eventClosing: StateClosing},
	StateReconnected:  {eventLost: StateDisconnected, eventClosing: StateClosing},
	StateClosing:      {eventClosed: StateClosed},
}

// stateMachine keeps the state and a queue of changes that waits for its one
// listener. Its methods may be called from any goroutine.
type stateMachine struct {
	mu    sync.Mutex
	more  *sync.Cond
	state State
	queue []State     // changes not yet told
	moved func(State) // called with each change, before it is told; short
}

func newStateMachine(moved func(State)) *stateMachine {
	m := &stateMachine{moved: moved}
	m.more = sync.NewCond(&m.mu)
	return m
}

// on takes an event and queues what follows from it.
func (m *stateMachine) on(e stateEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := transitions[m.state][e]
	if next == StateNone {
		return
	}
	if m.state == StateDisconnected && next == StateReconnected {
		m.queue = append(m.queue, StateReconnecting)
	}
	m.state = next
	m.moved(next)
	m.queue = append(m.queue, next)
	m.more.Signal()
}

func (m *stateMachine) now() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// next waits for the next change to tell; after CLOSED there is none.
func (m *stateMachine) next() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.queue) == 0 {
		m.more.Wait()
	}
	s := m.queue[0]
	m.queue = m.queue[1:]
	return s
}
