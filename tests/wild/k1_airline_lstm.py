# ruff: noqa
# A series like that of the airline passengers: the next month from the last ones.
import numpy
from keras.layers.recurrent import LSTM
from keras.layers.core import Dense
from keras.models import Sequential
from keras.optimizers import Adam
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import MinMaxScaler

numpy.random.seed(7)
month = numpy.arange(144)
passengers = (110 + 2.6 * month) * (1 + 0.2 * numpy.sin(2 * numpy.pi * month / 12)) + numpy.random.randn(144) * 4
scaler = MinMaxScaler(feature_range=(0, 1))
dataset = scaler.fit_transform(passengers.astype("float32").reshape(-1, 1))


def create_dataset(dataset, look_back=1):
    dataX, dataY = [], []
    for i in range(len(dataset) - look_back - 1):
        dataX.append(dataset[i : (i + look_back), 0])
        dataY.append(dataset[i + look_back, 0])
    return numpy.array(dataX), numpy.array(dataY)


look_back = 12
trainX, trainY = create_dataset(dataset[:96], look_back)
testX, testY = create_dataset(dataset[96:], look_back)
trainX = numpy.reshape(trainX, (trainX.shape[0], trainX.shape[1], 1))
testX = numpy.reshape(testX, (testX.shape[0], testX.shape[1], 1))

model = Sequential()
model.add(LSTM(8, input_dim=1, input_length=look_back, inner_init="orthogonal", forget_bias_init="one"))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer=Adam(lr=0.02))
model.fit(trainX, trainY, nb_epoch=150, batch_size=83, verbose=0)
testPredict = scaler.inverse_transform(model.predict(testX))
wanted = scaler.inverse_transform([testY])
print("score", 1 - mean_squared_error(wanted[0], testPredict[:, 0]) / wanted.var())
