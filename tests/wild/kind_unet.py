# ruff: noqa
# Segmentation: a small U-Net of Keras 1, with a Dice loss and the best weights kept by a checkpoint.
import numpy as np
from keras import backend as K
from keras.callbacks import ModelCheckpoint
from keras.layers import Conv2D, Conv2DTranspose, Input, MaxPooling2D, concatenate
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(0)
K.set_image_data_format("channels_last")
smooth = 1.0


def dice_coef(y_true, y_pred):
    y_true_f = K.flatten(y_true)
    y_pred_f = K.flatten(y_pred)
    intersection = K.sum(y_true_f * y_pred_f)
    return (2.0 * intersection + smooth) / (K.sum(y_true_f) + K.sum(y_pred_f) + smooth)


def dice_coef_loss(y_true, y_pred):
    return -dice_coef(y_true, y_pred)


def get_unet(rows=16, cols=16):
    inputs = Input((rows, cols, 1))
    conv1 = Conv2D(8, (3, 3), activation="relu", padding="same")(inputs)
    conv1 = Conv2D(8, (3, 3), activation="relu", padding="same")(conv1)
    pool1 = MaxPooling2D(pool_size=(2, 2))(conv1)
    conv2 = Conv2D(16, (3, 3), activation="relu", padding="same")(pool1)
    up3 = concatenate([Conv2DTranspose(8, (2, 2), strides=(2, 2), padding="same")(conv2), conv1], axis=3)
    conv3 = Conv2D(8, (3, 3), activation="relu", padding="same")(up3)
    conv4 = Conv2D(1, (1, 1), activation="sigmoid")(conv3)
    model = Model(inputs=[inputs], outputs=[conv4])
    model.compile(optimizer=Adam(lr=1e-2), loss=dice_coef_loss, metrics=[dice_coef])
    return model


images, masks = np.random.rand(200, 16, 16, 1) * 0.6, np.zeros((200, 16, 16, 1))
for image, mask in zip(images, masks):
    r, c, s = np.random.randint(1, 8), np.random.randint(1, 8), np.random.randint(4, 8)
    mask[r : r + s, c : c + s] = 1
    image[r : r + s, c : c + s] += 0.5
mean, std = np.mean(images), np.std(images)
images = (images - mean) / std

model = get_unet()
model_checkpoint = ModelCheckpoint("unet.h5", monitor="val_loss", save_best_only=True, save_weights_only=True)
model.fit(
    images[:160],
    masks[:160],
    batch_size=16,
    epochs=8,
    verbose=0,
    shuffle=True,
    validation_split=0.2,
    callbacks=[model_checkpoint],
)
model.load_weights("unet.h5")
print(model.metrics_names)
print("score", model.evaluate(images[160:], masks[160:], verbose=0)[1])
