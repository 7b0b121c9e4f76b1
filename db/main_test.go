package db_test

import (
	"testing"

	"tokenctl/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
