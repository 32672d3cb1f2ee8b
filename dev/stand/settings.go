package stand

import "context"

// DatabaseURL returns the URL of the product's database.
func (s *Stand) DatabaseURL() string { return s.Postgres.URL(Database) }

// S3URL returns the URL of the product's bucket.
func (s *Stand) S3URL() string { return s.S3.URL(Bucket) }

// Settings returns the product's settings for this stand, as environment variables.
func (s *Stand) Settings() []string {
	return []string{
		"SLUICE_STATE_URL=" + s.DatabaseURL(),
		"SLUICE_SOURCE_URL=" + s.DatabaseURL(),
		"SLUICE_S3_URL=" + s.S3URL(),
	}
}

// TestSettings returns the environment variables that the tests read: a server on which
// they may create databases, and a bucket.
func (s *Stand) TestSettings() []string {
	return []string{
		"TEST_DATABASE_URL=" + s.Postgres.URL("postgres"),
		"TEST_S3_URL=" + s.S3.URL(TestBucket),
	}
}

// Sample returns the number of resources of the sample data; 0 if it is missing or
// incomplete.
func (s *Stand) Sample() int { return s.state.Sample }

// SetSample records that the sample data is complete.
func (s *Stand) SetSample(resources int) error {
	s.state.Sample = resources
	return s.state.write(s.Dir)
}

// Clear empties the product's database and bucket. It first records that there is no
// sample data, so that partial data is not taken for complete after an interruption.
func (s *Stand) Clear(ctx context.Context) error {
	if err := s.SetSample(0); err != nil {
		return err
	}
	if err := s.Postgres.CreateDatabase(ctx, Database); err != nil {
		return err
	}
	return s.S3.Empty(ctx, Bucket)
}
