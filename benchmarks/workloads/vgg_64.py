"""A VGG block of 64 channels: convolutions bound by arithmetic."""

from .shared.vgg import vgg

WORKLOAD = vgg(64, 256)
