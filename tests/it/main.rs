//! Portcullis from outside.
