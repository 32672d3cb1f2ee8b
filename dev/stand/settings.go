package stand

import "context"

// DatabaseURL is how to reach the product's database.
func (s *Stand) DatabaseURL() string { return s.postgres.URL(Database) }

// S3URL is how to reach the product's bucket.
func (s *Stand) S3URL() string { return s.s3.URL(Bucket) }

// Settings are the product's settings for this stand, as environment.
func (s *Stand) Settings() []string {
	return []string{
		"SLUICE_STATE_URL=" + s.DatabaseURL(),
		"SLUICE_SOURCE_URL=" + s.DatabaseURL(),
		"SLUICE_S3_URL=" + s.S3URL(),
	}
}

// TestSettings are what the tests look for, as environment: a server on which
// they may make databases, and a bucket.
func (s *Stand) TestSettings() []string {
	return []string{
		"TEST_DATABASE_URL=" + s.postgres.URL("postgres"),
		"TEST_S3_URL=" + s.s3.URL(TestBucket),
	}
}

// Sample returns the number of resources of the sample data; 0 if there is none or if it
// is incomplete.
func (s *Stand) Sample() int { return s.state.Sample }

// SetSample notes that the sample data are whole.
func (s *Stand) SetSample(resources int) error {
	s.state.Sample = resources
	return s.state.write(s.Dir)
}

// Clear empties the product's database and bucket, and forgets the sample
// data first, so that an interruption leaves no half of them.
func (s *Stand) Clear(ctx context.Context) error {
	if err := s.SetSample(0); err != nil {
		return err
	}
	if err := s.postgres.CreateDatabase(ctx, Database); err != nil {
		return err
	}
	return s.s3.Empty(ctx, Bucket)
}
