// marker ...: does nothing; that it is executed is what matters.
int main(void)
{
	return 0;
}
