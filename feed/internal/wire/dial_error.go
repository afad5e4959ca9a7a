package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// Stage says how far a dial came.
type Stage string

// The stages of a dial, in order.
const (
	StageURL     Stage = "url"
	StageResolve Stage = "resolve"
	StageConnect Stage = "connect"
	StageTLS     Stage = "tls"
	StageUpgrade Stage = "upgrade"
)

// DialCode is the reason of a failed dial as a number. The values are stable:
// they stand in STATUS records.
type DialCode uint32

// Reasons of a failed dial.
const (
	DialOK               DialCode = 0
	DialURLInvalid       DialCode = 1
	DialNameNotFound     DialCode = 2
	DialRefused          DialCode = 3
	DialTimeout          DialCode = 4
	DialUnreachable      DialCode = 5
	DialBindFailed       DialCode = 6
	DialCancelled        DialCode = 7
	DialPeerClosed       DialCode = 8
	DialTLSWrongHost     DialCode = 16
	DialTLSExpired       DialCode = 17
	DialTLSNotYetValid   DialCode = 18
	DialTLSSelfSigned    DialCode = 19
	DialTLSUnknownCA     DialCode = 20
	DialTLSNotTLS        DialCode = 21
	DialTLSOther         DialCode = 22
	DialHTTPRedirect     DialCode = 32
	DialHTTPUnauthorized DialCode = 33
	DialHTTPForbidden    DialCode = 34
	DialHTTPNotFound     DialCode = 35
	DialHTTPRateLimited  DialCode = 36 // 429, 418
	DialHTTPRegion       DialCode = 37 // 451
	DialHTTPServer       DialCode = 38 // 5xx
	DialHTTPOther        DialCode = 39
	DialNotWebSocket     DialCode = 40
	DialBadAccept        DialCode = 41
	DialOther            DialCode = 63
)

var dialCodeNames = map[DialCode]string{
	DialOK: "ok", DialURLInvalid: "url_invalid", DialNameNotFound: "name_not_found",
	DialRefused: "connection_refused", DialTimeout: "timeout", DialUnreachable: "unreachable",
	DialBindFailed: "bind_failed", DialCancelled: "cancelled", DialPeerClosed: "peer_closed",
	DialTLSWrongHost: "tls_wrong_host", DialTLSExpired: "tls_expired",
	DialTLSNotYetValid: "tls_not_yet_valid", DialTLSSelfSigned: "tls_self_signed",
	DialTLSUnknownCA: "tls_unknown_ca", DialTLSNotTLS: "tls_not_tls", DialTLSOther: "tls_other",
	DialHTTPRedirect: "http_redirect", DialHTTPUnauthorized: "http_unauthorized",
	DialHTTPForbidden: "http_forbidden", DialHTTPNotFound: "http_not_found",
	DialHTTPRateLimited: "http_rate_limited", DialHTTPRegion: "http_region",
	DialHTTPServer: "http_server_error", DialHTTPOther: "http_other",
	DialNotWebSocket: "not_websocket", DialBadAccept: "bad_accept", DialOther: "other",
}

// String returns the reason's name in lower case.
func (c DialCode) String() string {
	if name, ok := dialCodeNames[c]; ok {
		return name
	}
	return "code_" + strconv.FormatUint(uint64(c), 10)
}

// DialError is why a dial failed and what to do about it.
type DialError struct {
	Endpoint string // scheme, host and path
	Stage    Stage
	Code     DialCode
	Reason   string // one line: what is wrong and the remedy
	Status   int    // HTTP status of the answer, 0 without one
	// RetryAfter is what a 429, 418 or 503 asked for; 0 when it did not.
	RetryAfter time.Duration
	Location   string // where a redirect points
	Err        error  // the cause, may be nil
}

// Error returns one line.
func (e *DialError) Error() string { return "dial " + e.Endpoint + ": " + e.Reason }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

func urlError(text, fault string, err error) *DialError {
	return &DialError{
		Endpoint: strconv.Quote(text), Stage: StageURL, Code: DialURLInvalid, Err: err,
		Reason: "the URL " + fault + "; expected ws[s]://host[:port]/path",
	}
}

func (d *dialling) fail(stage Stage, code DialCode, err error, format string, args ...any) *DialError {
	return &DialError{
		Endpoint: d.endpoint(), Stage: stage, Code: code, Err: err,
		Reason: oneLine(fmt.Sprintf(format, args...)),
	}
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, s)
}

// interrupted recognises the ends that come from our own clock and caller.
func (d *dialling) interrupted(ctx context.Context, stage Stage, err error) *DialError {
	var netErr net.Error
	timedOut := errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return d.fail(stage, DialCancelled, err, "cancelled at stage %s", stage)
	case ctx.Err() != nil || timedOut || errors.Is(err, context.DeadlineExceeded):
		return d.fail(stage, DialTimeout, err,
			"no answer within %v at stage %s; check network, firewall and address", d.timeout, stage)
	}
	return nil
}

func (d *dialling) failBind(ip string, err error) *DialError {
	return d.fail(StageConnect, DialBindFailed, err,
		"cannot connect from local address %q: %v; use an address of this host", ip, err)
}

func (d *dialling) failConnect(ctx context.Context, err error) *DialError {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if e := d.interrupted(ctx, StageResolve, err); e != nil {
			return e
		}
		return d.fail(StageResolve, DialNameNotFound, err,
			"cannot resolve host %q (%s); check the name and the resolver", d.url.Hostname(), dns.Err)
	}
	if e := d.interrupted(ctx, StageConnect, err); e != nil {
		return e
	}
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return d.fail(StageConnect, DialRefused, err,
			"connection refused by %s; nothing listens there, check host and port", d.address())
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EACCES):
		if d.cfg.BindIP != "" {
			return d.failBind(d.cfg.BindIP, err)
		}
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return d.fail(StageConnect, DialUnreachable, err,
			"no route to %s; check network and address family", d.address())
	}
	return d.fail(StageConnect, DialOther, err, "cannot connect to %s: %v", d.address(), err)
}

func (d *dialling) failTLS(ctx context.Context, err error) *DialError {
	if e := d.interrupted(ctx, StageTLS, err); e != nil {
		return e
	}
	if e := d.failCertificate(err); e != nil {
		return e
	}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return d.fail(StageTLS, DialTLSNotTLS, err,
			"the server does not speak TLS on this port; try ws:// or another port")
	case peerClosed(err):
		return d.fail(StageTLS, DialPeerClosed, err,
			"the server closed the connection during the TLS handshake; check port and host name")
	}
	return d.fail(StageTLS, DialTLSOther, err, "TLS handshake failed: %v", err)
}

// failCertificate names what is wrong with the server's certificate; nil when
// that is not the matter.
func (d *dialling) failCertificate(err error) *DialError {
	host := d.url.Hostname()
	var wrongHost x509.HostnameError
	if errors.As(err, &wrongHost) {
		return d.fail(StageTLS, DialTLSWrongHost, err,
			"the certificate is not for host %q but for %s; check the URL", host, certificateNames(wrongHost.Certificate))
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		if time.Now().Before(invalid.Cert.NotBefore) {
			return d.fail(StageTLS, DialTLSNotYetValid, err,
				"the certificate of %q is valid only from %s; check this host's clock",
				host, invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
		}
		return d.fail(StageTLS, DialTLSExpired, err,
			"the certificate of %q expired at %s; the server must renew it (or check this host's clock)",
			host, invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		if unknown.Cert != nil && bytes.Equal(unknown.Cert.RawIssuer, unknown.Cert.RawSubject) {
			return d.fail(StageTLS, DialTLSSelfSigned, err,
				"the certificate of %q is self-signed; if that is intended, give it as the CA file", host)
		}
		return d.fail(StageTLS, DialTLSUnknownCA, err,
			"the certificate of %q is signed by an unknown authority; give its CA file", host)
	}
	return nil
}

func certificateNames(cert *x509.Certificate) string {
	var names []string
	names = append(names, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	const most = 5
	switch {
	case len(names) == 0:
		return "no host at all"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func peerClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// maxAnswerHead bounds what is read of an answer that is not 101.
const maxAnswerHead = 64 << 10

// httpAnswer is what a server said instead of 101.
type httpAnswer struct {
	status     int
	location   string
	retryAfter time.Duration
}

// read is the hook of ws.Dialer: resp begins with the status line.
func (a *httpAnswer) read(status int, _ []byte, resp io.Reader) {
	a.status = status
	r, err := http.ReadResponse(bufio.NewReader(io.LimitReader(resp, maxAnswerHead)), nil)
	if err != nil {
		return // the status alone says enough
	}
	// The body is left unread and unclosed: it may never end, and closing
	// would read it. The connection is closed next.
	a.location = r.Header.Get("Location")
	a.retryAfter = parseRetryAfter(r.Header.Get("Retry-After"), time.Now())
}

// maxRetryAfter bounds what a server can make us wait: a ban of three days is
// the longest that venues document.
const maxRetryAfter = 72 * time.Hour

// parseRetryAfter reads seconds or an HTTP date (RFC 9110 section 10.2.3); 0
// when it is neither.
func parseRetryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func (d *dialling) failUpgrade(ctx context.Context, err error) *DialError {
	var status ws.StatusError
	if errors.As(err, &status) {
		return d.failStatus(int(status), err)
	}
	if e := d.interrupted(ctx, StageUpgrade, err); e != nil {
		return e
	}
	switch {
	case errors.Is(err, ws.ErrHandshakeBadSecAccept):
		return d.fail(StageUpgrade, DialBadAccept, err,
			"the server's Sec-WebSocket-Accept is missing or wrong; a proxy may answer in its place")
	case errors.Is(err, ws.ErrHandshakeBadUpgrade), errors.Is(err, ws.ErrHandshakeBadConnection),
		errors.Is(err, ws.ErrHandshakeBadProtocol), errors.Is(err, ws.ErrMalformedResponse),
		errors.Is(err, ws.ErrHandshakeBadExtensions), errors.Is(err, ws.ErrHandshakeBadSubProtocol):
		return d.fail(StageUpgrade, DialNotWebSocket, err,
			"the answer is no WebSocket upgrade (%v); check scheme, port and path", err)
	case peerClosed(err):
		return d.fail(StageUpgrade, DialPeerClosed, err,
			"the server closed the connection instead of answering the upgrade; check port and path, or use wss://")
	}
	return d.fail(StageUpgrade, DialOther, err, "upgrade failed: %v", err)
}

// failStatus explains an HTTP status.
func (d *dialling) failStatus(status int, err error) *DialError {
	code, text := d.explainStatus(status)
	e := d.fail(StageUpgrade, code, err, "HTTP %d: %s", status, text)
	e.Status = status
	e.RetryAfter = d.answer.retryAfter
	e.Location = oneLine(d.answer.location)
	return e
}

func (d *dialling) explainStatus(status int) (DialCode, string) {
	path := d.url.EscapedPath()
	switch {
	case status == http.StatusOK:
		return DialNotWebSocket, "an ordinary page, not a WebSocket; check host and path"
	case status >= 300 && status < 400:
		to := d.answer.location
		if to == "" {
			to = "a place it does not name"
		}
		return DialHTTPRedirect, "the server redirects to " + to + "; use that URL if you trust it"
	case status == http.StatusUnauthorized:
		return DialHTTPUnauthorized, "the server wants credentials"
	case status == http.StatusForbidden:
		return DialHTTPForbidden, "the server refuses this client; its address or region may be blocked"
	case status == http.StatusNotFound:
		hint := ""
		if !strings.HasSuffix(path, "/") {
			hint = "; the path may have to end with a slash"
		}
		return DialHTTPNotFound, fmt.Sprintf("no such path %q%s", path, hint)
	case status == http.StatusTooManyRequests || status == http.StatusTeapot:
		wait := "; wait before the next try"
		if d.answer.retryAfter > 0 {
			wait = fmt.Sprintf("; next try in %v", d.answer.retryAfter)
		}
		return DialHTTPRateLimited, "too many requests" + wait
	case status == http.StatusUnavailableForLegalReasons:
		return DialHTTPRegion, "the service is not offered in this region"
	case status >= 500:
		return DialHTTPServer, "the server fails (" + http.StatusText(status) + "); it is retried"
	}
	return DialHTTPOther, "unexpected answer (" + http.StatusText(status) + ")"
}
