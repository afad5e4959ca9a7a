/*
 * The least that a program between a venue and our ring can do: recv, decrypt with
 * OpenSSL, find the message, and copy a part of its text into a slot. No decoding, no
 * checks, no session. Our publisher is held against it.
 *
 *     copy SEGMENT PORT plain|tls CPU
 *
 * SEGMENT is a segment's file, made by "full segment", which also closes it. It prints
 * "ready" when it has subscribed and runs until its standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ticks.h"
#include "tickring_layout.h"

/*
 * COPY_FROM: the part of a text that has the venue's time in it. LOOK: how many reads of
 * nothing are between two looks at the standard input.
 */
enum { BUFFER = 1 << 18, COPY_FROM = 64, LOOK = 1 << 16 };

struct line {
	int fd;
	SSL *tls;
	size_t from, to;
	char bytes[BUFFER];
};

struct target {
	unsigned char *slots;
	uint64_t mask, next;
};

static struct line line;

static void fail(const char *what)
{
	fprintf(stderr, "copy: %s\n", what);
	exit(1);
}

/* Reads what there is: 0 when there is nothing yet. */
static size_t read_some(struct line *l)
{
	if (l->from == l->to)
		l->from = l->to = 0;
	if (sizeof l->bytes - l->to < sizeof l->bytes / 2) {
		memmove(l->bytes, l->bytes + l->from, l->to - l->from);
		l->to -= l->from;
		l->from = 0;
	}
	char *at = l->bytes + l->to;
	int n, room = (int)(sizeof l->bytes - l->to);
	if (l->tls != NULL) {
		n = SSL_read(l->tls, at, room);
		if (n <= 0 && SSL_get_error(l->tls, n) == SSL_ERROR_WANT_READ)
			return 0;
	} else {
		n = (int)recv(l->fd, at, (size_t)room, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
	}
	if (n <= 0)
		fail("the venue ended the connection");
	l->to += (size_t)n;
	return (size_t)n;
}

static void write_whole(struct line *l, const char *text, size_t size)
{
	ssize_t n = l->tls != NULL ? SSL_write(l->tls, text, (int)size) : send(l->fd, text, size, MSG_NOSIGNAL);
	if (n != (ssize_t)size)
		fail("could not send");
}

static void dial(struct line *l, const char *port, int tls)
{
	struct sockaddr_in to;
	memset(&to, 0, sizeof to);
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)number(port));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int on = 1;
	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
	    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		die("copy: connect");
	if (!tls)
		return;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || (l->tls = SSL_new(context)) == NULL)
		fail("no TLS");
	/* The venue is this host's own, made for one run: its certificate is not the point. */
	SSL_set_read_ahead(l->tls, 1); /* one recv for many records */
	if (SSL_set_fd(l->tls, l->fd) != 1 || SSL_connect(l->tls) != 1)
		fail("TLS handshake");
}

static void upgrade(struct line *l)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	write_whole(l, ask, sizeof ask - 1);
	char *end;
	while ((end = memmem(l->bytes, l->to, "\r\n\r\n", 4)) == NULL)
		read_some(l);
	if (memmem(l->bytes, (size_t)(end - l->bytes), " 101 ", 5) == NULL)
		fail("no upgrade");
	l->from = (size_t)(end + 4 - l->bytes);
	/* A masked text frame, as a client must; the mask is zero. */
	static const char text[] = "{\"time\":1,\"id\":1,\"channel\":\"spot.book_ticker\",\"event\":\"subscribe\",\"payload\":[\"BTC_USDT\"]}";
	char frame[sizeof text + 8] = {(char)0x81, (char)(0x80 | (sizeof text - 1))};
	_Static_assert(sizeof text - 1 < 126, "a short frame");
	memcpy(frame + 6, text, sizeof text - 1);
	write_whole(l, frame, sizeof text + 5);
}

/* The text of the next frame; NULL when not all of it is there. */
static const char *next_text(struct line *l, size_t *size)
{
	const unsigned char *at = (const unsigned char *)l->bytes + l->from;
	size_t have = l->to - l->from, head = 2;
	if (have < 4)
		return NULL;
	*size = at[1] & 127;
	if (*size == 127)
		fail("a frame too long");
	if (*size == 126) {
		*size = (size_t)at[2] << 8 | at[3];
		head = 4;
	}
	if (have < head + *size)
		return NULL;
	l->from += head + *size;
	return (const char *)at + head;
}

static struct target map_ring(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st) != 0)
		die("copy: open the segment");
	unsigned char *base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (base == MAP_FAILED)
		die("copy: map the segment");
	const tickring_header *header = (const tickring_header *)base;
	for (unsigned i = 0; i < header->directory_count; i++) {
		const tickring_section *s = &header->directory[i];
		if (s->kind == TICKRING_SECTION_RING) {
			struct target t = {base + s->offset, s->count - 1, 1};
			return t;
		}
	}
	fail("a segment without a ring");
	exit(1);
}

/* Mark, copy, commit. */
static void publish(struct target *t, const char *text, int64_t received)
{
	tickring_record rec;
	memset(&rec, 0, sizeof rec);
	rec.kind = TICKRING_KIND_BOOK_TICKER;
	rec.recv_time_ns = received;
	rec.publish_time_ns = unix_ns();
	memcpy(&rec.body, text + COPY_FROM, sizeof rec.body);
	uint64_t *slot = (uint64_t *)(t->slots + (t->next & t->mask) * sizeof rec), words[sizeof rec / 8];
	memcpy(words, &rec, sizeof rec);
	__atomic_store_n(slot, 2 * t->next - 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 1; i < sizeof rec / 8; i++)
		__atomic_store_n(slot + i, words[i], __ATOMIC_RELAXED);
	__atomic_store_n(slot, 2 * t->next, __ATOMIC_RELEASE);
	t->next++;
}

static int told_to_end(void)
{
	struct pollfd in = {STDIN_FILENO, POLLIN, 0};
	return poll(&in, 1, 0) > 0;
}

static void copy_all(struct line *l, struct target *t)
{
	for (long idle = 0; idle % LOOK != LOOK - 1 || !told_to_end(); idle++) {
		if (read_some(l) == 0)
			continue;
		int64_t received = unix_ns();
		const char *text;
		size_t size;
		while ((text = next_text(l, &size)) != NULL)
			if (size >= COPY_FROM + sizeof(tickring_body) && memmem(text, COPY_FROM + 32, "\"update\"", 8) != NULL)
				publish(t, text, received);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: copy SEGMENT PORT plain|tls CPU\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct target t = map_ring(argv[1]);
	dial(&line, argv[2], strcmp(argv[3], "tls") == 0);
	upgrade(&line);
	int flags = fcntl(line.fd, F_GETFL);
	if (flags < 0 || fcntl(line.fd, F_SETFL, flags | O_NONBLOCK) != 0)
		die("copy: nonblocking");
	pin((int)number(argv[4]));
	printf("ready\n");
	fflush(stdout);
	copy_all(&line, &t);
	return 0;
}
