"""The built-in study of Adult: five models as published, and the same questions answered soundly."""
