/* Lives for a moment: what matters is that it was executed. With an argument it stays. */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		sleep(600);
	return 0;
}
