/*
 * Brokers over loopback TCP: ADDRESS is "redis:PORT" or "nats:PORT". The clients speak
 * the protocol by themselves, with no library between: what is measured is the broker
 * and the kernel. The server's CPU is the helper's.
 */
#define _GNU_SOURCE
#include "stream.h"

enum { AHEAD = 256 * 1024, HEAD = 64 };

struct client {
	int fd, flags, nats;
	char head[HEAD]; /* of a message to send */
	size_t head_size;
	size_t from, to;
	char bytes[AHEAD];
};

static struct client writer, reader;

static const char redis_head[] = "*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$128\r\n";
static const char nats_head[] = "PUB t 128\r\n";

/* The end of the first line at or behind c->from; it reads on until there is one. */
static char *line_end(struct client *c, size_t need)
{
	for (;;) {
		char *at = c->bytes + c->from;
		char *end = memmem(at, c->to - c->from, "\r\n", 2);
		if (end != NULL && c->to - (size_t)(end - c->bytes) >= 2 + need)
			return end;
		memmove(c->bytes, at, c->to - c->from);
		c->to -= c->from;
		c->from = 0;
		c->to += receive_some(c->fd, c->bytes + c->to, sizeof c->bytes - c->to, c->flags);
	}
}

/* Takes lines until one begins so. */
static void await_line(struct client *c, const char *begin)
{
	for (;;) {
		char *end = line_end(c, 0), *at = c->bytes + c->from;
		c->from = (size_t)(end + 2 - c->bytes);
		if (strncmp(at, begin, strlen(begin)) == 0)
			return;
		if (*at == '-') {
			fprintf(stderr, "the broker said %.*s\n", (int)(end - at), at);
			exit(1);
		}
	}
}

static void dial(struct client *c, const struct job *j)
{
	const char *port = strchr(j->address, ':');
	c->nats = strncmp(j->address, "nats:", 5) == 0;
	if (port == NULL || (!c->nats && strncmp(j->address, "redis:", 6) != 0)) {
		fprintf(stderr, "address %s: want redis:PORT or nats:PORT\n", j->address);
		exit(2);
	}
	c->fd = connect_tcp(port + 1);
	strcpy(c->head, c->nats ? nats_head : redis_head);
	c->head_size = strlen(c->head);
	if (!c->nats)
		return;
	static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";
	send_whole(c->fd, hello, sizeof hello - 1);
	await_line(c, "PONG");
}

static void *prepare(const struct job *j)
{
	(void)j;
	return NULL;
}

static void *open_reader(void *state, const struct job *j)
{
	static const char redis[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nt\r\n", nats[] = "SUB t 1\r\nPING\r\n";
	(void)state;
	dial(&reader, j);
	if (reader.nats)
		send_whole(reader.fd, nats, sizeof nats - 1);
	else
		send_whole(reader.fd, redis, sizeof redis - 1);
	await_line(&reader, reader.nats ? "PONG" : ":1");
	reader.flags = j->blocks ? 0 : MSG_DONTWAIT;
	return &reader;
}

static void *open_writer(void *state, const struct job *j)
{
	(void)state;
	dial(&writer, j);
	return &writer;
}

/* Answers are thrown away as they come. */
static void drain(struct client *c)
{
	while (recv(c->fd, c->bytes, sizeof c->bytes, MSG_DONTWAIT) > 0)
		;
}

static void send_message(void *state, const struct message *m)
{
	struct client *c = state;
	char text[HEAD + sizeof *m + 2];
	memcpy(text, c->head, c->head_size);
	memcpy(text + c->head_size, m, sizeof *m);
	memcpy(text + c->head_size + sizeof *m, "\r\n", 2);
	send_whole(c->fd, text, c->head_size + sizeof *m + 2);
	drain(c);
}

/* Of a push the payload is what follows the line with its length: MSG … 128, or $128. */
static void receive(void *state, struct message *m)
{
	struct client *c = state;
	for (;;) {
		char *end = line_end(c, 0), *at = c->bytes + c->from;
		if (strncmp(at, "PING", 4) == 0)
			send_whole(c->fd, "PONG\r\n", 6);
		if (strncmp(at, c->nats ? "MSG " : "$128", 4) != 0) {
			c->from = (size_t)(end + 2 - c->bytes);
			continue;
		}
		end = line_end(c, sizeof *m + 2);
		memcpy(m, end + 2, sizeof *m);
		c->from = (size_t)(end + 4 - c->bytes) + sizeof *m;
		return;
	}
}

/* The broker needs the connection until it has read everything. */
static void close_writer(void *state)
{
	struct client *c = state;
	static const char ping[] = "PING\r\n", echo[] = "*2\r\n$4\r\nPING\r\n$7\r\nthe-end\r\n";
	c->from = c->to = 0;
	if (c->nats)
		send_whole(c->fd, ping, sizeof ping - 1);
	else
		send_whole(c->fd, echo, sizeof echo - 1);
	await_line(c, c->nats ? "PONG" : "the-end");
}

int main(int argc, char **argv)
{
	static const struct transport t = {prepare, open_reader, open_writer, send_message, receive, close_writer};
	return peer_main(argc, argv, &t);
}
