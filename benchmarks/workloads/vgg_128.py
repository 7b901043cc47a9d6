"""A VGG block of 128 channels: the widest convolutions of the table."""

from .shared.vgg import vgg

WORKLOAD = vgg(128, 96)
