// relay PORT SHELL pipes|socketpair|threads: connects to loopback, starts a shell whose standard
// streams are pipes or a socket pair, and passes bytes between it and the connection.
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int pass(int from, int to)
{
	char buffer[4096];
	ssize_t count = read(from, buffer, sizeof buffer);
	return count > 0 && write(to, buffer, count) == count;
}

struct way {
	int from, to;
};

static void *pass_all(void *argument)
{
	struct way *way = argument;
	while (pass(way->from, way->to))
		;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(argv[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int in[2], out[2], pair = !strcmp(argv[3], "socketpair");
	if (pair ? socketpair(AF_UNIX, SOCK_STREAM, 0, in) : pipe(in) || pipe(out)) {
		perror("pipe");
		return 1;
	}
	if (pair) {
		out[0] = in[1];
		out[1] = in[0];
	}
	if (fork() == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		char *args[] = { argv[2], NULL };
		execv(argv[2], args);
		return 1;
	}
	close(in[0]);
	if (!pair)
		close(out[1]);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&to, sizeof to)) {
		perror("connect");
		return 1;
	}
	if (!strcmp(argv[3], "threads")) {
		struct way there = { sock, in[1] }, back = { out[0], sock };
		pthread_t thread;
		pthread_create(&thread, NULL, pass_all, &there);
		pass_all(&back);
		return 0;
	}
	struct pollfd fds[] = { { sock, POLLIN }, { out[0], POLLIN } };
	while (poll(fds, 2, 60000) > 0) {
		if (fds[0].revents && !pass(sock, in[1]))
			break;
		if (fds[1].revents && !pass(out[0], sock))
			break;
	}
	return 0;
}
