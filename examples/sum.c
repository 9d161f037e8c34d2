#include <stdio.h>

int main(void)
{
    int a, b;

    if (scanf("%d %d", &a, &b) != 2) {
        fputs("Please give me two whole numbers.\n", stderr);
        return 1;
    }
    printf("%d + %d = %d\n", a, b, a + b);
    return 0;
}
