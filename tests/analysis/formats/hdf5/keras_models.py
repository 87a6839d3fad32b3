"""Models of Keras 3 itself, saved in all of its formats with their numbers beside: `python keras_models.py FOLDER`.

Run in a process of its own: Keras takes ten seconds to import and warns of much.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers


def convolutions() -> Any:
    given = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, name="first")(given)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="apart")(x)
    x = layers.SeparableConv2D(12, 3)(x)
    x = layers.Conv2DTranspose(10, 3)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, layers.Dense(9, name="head")(x))


def attention() -> Any:
    given = keras.Input((5,))
    x = layers.Embedding(30, 24)(given)
    x = layers.MultiHeadAttention(4, 6)(x, x)
    x = layers.LayerNormalization()(x)
    x = layers.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="de")(x)
    x = layers.EinsumDense("abde,dec->abc", output_shape=(None, 7), name="back")(x)
    x = layers.EinsumDense("btd,ndh->btnh", output_shape=(None, 4, 5), name="heads_first")(x)
    x = layers.EinsumDense("btnh,nhd->btd", output_shape=(None, 6), bias_axes="d", name="joined")(x)
    x = layers.Bidirectional(layers.GRU(4))(x)
    return keras.Model(given, layers.Dense(3)(x))


def recurrent() -> Any:
    given = keras.Input((5, 8))
    x = layers.LSTM(7, return_sequences=True)(given)
    x = layers.Conv1D(6, 3)(x)
    pictures = keras.Input((3, 5, 5, 2))
    y = layers.ConvLSTM2D(4, 3)(pictures)
    return keras.Model([given, pictures], [layers.Dense(3, dtype="bfloat16")(x), y])


class Blocks(keras.Model):  # type: ignore[misc]  # of a package without types
    """Layers as attributes and in a list, as in a subclass of Model."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = layers.Dense(7)
        self.embed = layers.Embedding(11, 4)
        self.blocks = [layers.Dense(7), layers.Dense(7)]

    def call(self, x: Any) -> Any:
        x = self.fc1(self.embed(x))
        for block in self.blocks:
            x = block(x)
        return x


def save(model: Any, stem: Path) -> None:
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.save(stem.with_suffix(".keras"))
    model.save_weights(stem.with_suffix(".weights.h5"))
    model.save(stem.with_suffix(".h5"))
    values: dict[str, Any] = {
        each.path: np.asarray(keras.ops.convert_to_numpy(each.value)).astype("f4") for each in model.weights
    }
    np.savez(stem.with_suffix(".npz"), **values)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for make in (convolutions, attention, recurrent):
        keras.utils.clear_session()
        save(make(), folder / make.__name__)
    model = Blocks()
    model(np.zeros((1, 3)))
    model.save_weights(folder / "blocks.weights.h5")
    model.save_weights(folder / "shards.weights.json", max_shard_size=3e-7)
