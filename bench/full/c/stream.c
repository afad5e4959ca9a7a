/*
 * Socket peers: a Unix stream socket where ADDRESS is "unix", loopback TCP without
 * Nagle's delay where it is "tcp". The reader spins on recv.
 */
#define _GNU_SOURCE
#include "stream.h"

enum { AHEAD = 64 * MESSAGE_SIZE };

struct stream {
	int reader, writer;
	size_t from, to;
	unsigned char bytes[AHEAD];
};

static void tcp_pair(int fds[2])
{
	struct sockaddr_in at;
	memset(&at, 0, sizeof at);
	at.sin_family = AF_INET;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t size = sizeof at;
	int door = socket(AF_INET, SOCK_STREAM, 0);
	if (door < 0 || bind(door, (struct sockaddr *)&at, size) != 0 || listen(door, 1) != 0 ||
	    getsockname(door, (struct sockaddr *)&at, &size) != 0)
		die("listen");
	char port[16];
	snprintf(port, sizeof port, "%d", ntohs(at.sin_port));
	fds[1] = connect_tcp(port);
	fds[0] = accept(door, NULL, NULL);
	if (fds[0] < 0)
		die("accept");
	close(door);
}

static void *prepare(const struct job *j)
{
	static struct stream s;
	int fds[2];
	if (strcmp(j->address, "tcp") == 0)
		tcp_pair(fds);
	else if (strcmp(j->address, "unix") != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		die("socket: want unix or tcp");
	s.reader = fds[0];
	s.writer = fds[1];
	return &s;
}

static void *keep(void *state, const struct job *j)
{
	(void)j;
	return state;
}

static void send_message(void *state, const struct message *m)
{
	send_whole(((struct stream *)state)->writer, m, sizeof *m);
}

static void receive(void *state, struct message *m)
{
	struct stream *s = state;
	while (s->to - s->from < sizeof *m) {
		memmove(s->bytes, s->bytes + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
		s->to += receive_some(s->reader, s->bytes + s->to, sizeof s->bytes - s->to, MSG_DONTWAIT);
	}
	memcpy(m, s->bytes + s->from, sizeof *m);
	s->from += sizeof *m;
}

int main(int argc, char **argv)
{
	static const struct transport t = {prepare, keep, keep, send_message, receive, NULL};
	return peer_main(argc, argv, &t);
}
