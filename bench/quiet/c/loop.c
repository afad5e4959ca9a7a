/*
 * The loop that the hot thread's is held against: look at the sockets without waiting,
 * take what there is, read the clock. Nothing is opened, decoded or published.
 *
 *     loop CPU SENDER_CPU SECONDS RATE
 *
 * A second process sends messages of SIZE bytes over loopback TCP. Prints one line, the
 * gaps between readings of the clock among it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../ticks.h"

/* A book ticker with its frame and record. SUB steps in each power of two: 3 %. */
enum { SIZE = 240, POWERS = 40, SUB = 32 };

static long bars[POWERS][SUB];

static int64_t mono_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void note(int64_t ns)
{
	int power = ns < SUB ? 0 : 63 - __builtin_clzll((unsigned long long)ns) - 4;
	int step = power == 0 ? (int)ns : (int)(ns >> power) & (SUB - 1);
	bars[power < POWERS ? power : POWERS - 1][step]++;
}

/* The smallest value of a bar. */
static int64_t value(int power, int step) { return (int64_t)step << power; }

static int64_t quantile(long total, double q)
{
	double left = (double)total * q;
	for (int p = 0; p < POWERS; p++)
		for (int s = 0; s < SUB; s++)
			if (bars[p][s] > 0 && (left -= (double)bars[p][s]) <= 0)
				return value(p, s);
	return 0;
}

static long beyond(int64_t ns)
{
	long n = 0;
	for (int p = 0; p < POWERS; p++)
		for (int s = 0; s < SUB; s++)
			if (value(p, s) > ns)
				n += bars[p][s];
	return n;
}

/* Sends what is due, then leaves the CPU for a moment. */
static void send_all(int fd, double seconds, double rate)
{
	static const char message[SIZE];
	int64_t start = mono_ns();
	for (double sent = 0;;) {
		double passed = (double)(mono_ns() - start) / 1e9;
		if (passed > seconds)
			return;
		for (; sent < passed * rate; sent++)
			if (write(fd, message, SIZE) != SIZE)
				return;
		usleep(10);
	}
}

static long spin(int fd, double seconds, int64_t *longest)
{
	static char buffer[128 << 10];
	struct epoll_event event = {.events = EPOLLIN}, events[64];
	int poller = epoll_create1(0);
	if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll");
	long bytes = 0;
	int64_t last = mono_ns(), end = last + (int64_t)(seconds * 1e9);
	while (last < end) {
		int n = epoll_wait(poller, events, 64, 0);
		for (int readings = n > 0 ? 2 : 1; readings > 0; readings--) {
			if (readings == 2) {
				ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
				if (got > 0)
					bytes += got;
			}
			int64_t now = mono_ns();
			note(now - last);
			if (now - last > *longest)
				*longest = now - last;
			last = now;
		}
	}
	return bytes;
}

static void connect_pair(int *near, int *far)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	*far = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, size) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) != 0 ||
	    connect(*far, (struct sockaddr *)&at, size) != 0)
		die("connect");
	*near = accept(listener, NULL, NULL);
	setsockopt(*far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: loop CPU SENDER_CPU SECONDS RATE\n");
		return 2;
	}
	double seconds = (double)number(argv[3]), rate = (double)number(argv[4]);
	int near, far;
	connect_pair(&near, &far);
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin((int)number(argv[2]));
		send_all(far, seconds, rate);
		_exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin((int)number(argv[1]));
	struct rusage before, after;
	int64_t longest = 0;
	getrusage(RUSAGE_SELF, &before);
	long bytes = spin(near, seconds, &longest);
	getrusage(RUSAGE_SELF, &after);
	long turns = beyond(-1);
	printf("quiet: side=c turns=%ld messages_per_second=%.0f voluntary=%ld involuntary=%ld gap_ns p50=%lld p99=%lld p99.9=%lld p99.99=%lld max=%lld over_100us=%ld over_1ms=%ld\n",
	       turns, (double)bytes / SIZE / seconds, after.ru_nvcsw - before.ru_nvcsw, after.ru_nivcsw - before.ru_nivcsw,
	       (long long)quantile(turns, 0.5), (long long)quantile(turns, 0.99), (long long)quantile(turns, 0.999),
	       (long long)quantile(turns, 0.9999), (long long)longest, beyond(100000), beyond(1000000));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
