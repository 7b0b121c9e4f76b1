// Minimal is what tokenctl's start is measured against: a program that connects
// to PostgreSQL, asks one question and prints the answer as JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

type token struct {
	User    string    `json:"user"`
	UserID  int64     `json:"user_id"`
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
}

func main() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `select u.username, u.id, u.is_active, t.created
		from authtoken_token t join auth_user u on u.id = t.user_id order by t.user_id`)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := pgx.CollectRows(rows, pgx.RowToStructByPos[token])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(tokens); err != nil {
		log.Fatal(err)
	}
}
