#include <math.h>
#include <stdio.h>

int main(void)
{
    int a, b;

    if (scanf("%d %d", &a, &b) != 2)
        return 1;
    printf("%d %.3f\n", a + b, sqrt(a));
    return 0;
}
