import sys
from decimal import Decimal

a, b = map(int, input().split())
print(a + b, Decimal(a) / 4, sys.version_info >= (3, 11))
