package storage

// Object is an object in the bucket.
type Object struct {
	Key  string // relative to the bucket's prefix
	Size int64  // bytes
	ETag string // the store's mark of this version, without quotes
}
