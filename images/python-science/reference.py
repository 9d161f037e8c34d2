import os

import matplotlib.pyplot as plot
import numpy
import pandas
import PIL.Image
import scipy.integrate
import sympy

a, b = map(float, input().split())
plot.plot([a, b])
plot.show()
table = pandas.DataFrame({"x": [1, 2, 3]})
area = scipy.integrate.quad(lambda x: 1.5 * x, 0, 1)[0]
print(
    numpy.add(a, b),
    round(area, 3),
    table.x.sum(),
    sympy.integrate(sympy.Symbol("x")),
    *sorted(set(os.listdir()) - {"reference.py"}),
)
PIL.Image.open("figure-1.png").verify()
