// miner monero|bitcoin, port in $POOL_PORT or at the end of the last argument: logs in to a pool on
// loopback as a miner does, works for a moment, hands a share in, and stays.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const monero[] = {
	"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD\",\"pass\":\"x\",\"agent\":\"XMRig/6.21.0\",\"algo\":[\"rx/0\"]}}\n",
	"{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"submit\",\"params\":{\"id\":\"0\",\"job_id\":\"1\",\"nonce\":\"00000001\",\"result\":\"00\"}}\n",
};

static const char *const bitcoin[] = {
	"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cgminer/4.12.0\"]}\n",
	"{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"worker.1\",\"x\"]}\n",
	"{\"id\":3,\"method\":\"mining.submit\",\"params\":[\"worker.1\",\"1\",\"00\",\"00\",\"00\"]}\n",
};

static volatile unsigned long hash;

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	const char *colon = strrchr(argv[argc - 1], ':'), *port = getenv("POOL_PORT");
	if (!port)
		port = colon ? colon + 1 : "0";
	int coin = !strcmp(argv[1], "bitcoin");
	const char *const *lines = coin ? bitcoin : monero;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&to, sizeof to)) {
		perror("connect");
		return 1;
	}
	for (int i = 0; i < 2 + coin; i++) {
		char answer[256];
		if (i == 1 + coin) {
			clock_t end = clock() + CLOCKS_PER_SEC / 10;
			while (clock() < end)
				hash = hash * 6364136223846793005 + 1;
		}
		if (write(sock, lines[i], strlen(lines[i])) < 0 || read(sock, answer, sizeof answer) <= 0)
			return 1;
	}
	sleep(60);
	return 0;
}
