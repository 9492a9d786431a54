//! generator-svc
