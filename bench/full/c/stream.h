/* Byte streams of the socket peers: whole reads and writes, and no delay. */
#ifndef BENCH_FULL_STREAM_H
#define BENCH_FULL_STREAM_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "peer.h"

/* Sends everything. A full buffer is waited for: it is the reader's time to read. */
static inline void send_whole(int fd, const void *data, size_t size)
{
	const char *at = (const char *)data;
	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			die("send");
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

/* Reads what there is, at least one byte: sleeping where flags is 0, spinning where it
 * is MSG_DONTWAIT. */
static inline size_t receive_some(int fd, void *data, size_t size, int flags)
{
	for (;;) {
		ssize_t n = recv(fd, data, size, flags);
		if (n > 0)
			return (size_t)n;
		if (n == 0) {
			fprintf(stderr, "the other side closed the connection\n");
			exit(1);
		}
		if (errno != EAGAIN && errno != EINTR)
			die("receive");
	}
}

static inline int connect_tcp(const char *port)
{
	struct sockaddr_in to;
	memset(&to, 0, sizeof to);
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)number(port));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		die("connect");
	return fd;
}

#endif
