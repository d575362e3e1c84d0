"""Reserved columns of tables of predictions, labels and outcomes; all other columns are entity keys and features.

Times are ``timestamp[us, tz=UTC]``. A table of **predictions** has :data:`PREDICTION_ID`, :data:`PREDICTED_AT`, :data:`VERSION` and
:data:`SCORE`, the entity's key where there is one, :data:`AS_OF` where the features had an as-of time, and the features as they were
used. A table of **labels** has :data:`TARGET` and :data:`KNOWN_AT` beside the key that joins it: the prediction's id, or the entity with
its as-of time. **Outcomes** are predictions with :data:`TARGET` and :data:`KNOWN_AT`.
"""

from __future__ import annotations

PREDICTION_ID = "__prediction_id"
PREDICTED_AT = "__predicted_at"
VERSION = "__version"
"""Number of the registered version that answered."""
SCORE = "__score"
"""P(positive), or the predicted value; for multiclass tasks a list with P of each class, in the bundle's order."""
AS_OF = "__as_of"
"""As-of time of the features that were used."""
TARGET = "__target"
"""What happened, as it stands in the data."""
KNOWN_AT = "__known_at"
"""When the label was known."""
