from .adult import AdultTable as AdultTable
from .adult import load_adult as load_adult
from .images import ImageSet as ImageSet
from .mnist import load_mnist as load_mnist
