"""`Dataset`: elements that are made, changed and grouped on their way to `fit`, in the manner of `tf.data`."""
