"""HDF5, and the files of Keras in it, read as data: no link is followed, no filter but deflate is applied."""
