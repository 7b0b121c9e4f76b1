package engine

import "context"

// intend announces a transaction that has changed something, or is about to do so outside the
// database: see [Options.Intend].
func (tx *Tx) intend(ctx context.Context, m Mode) error {
	announce := tx.db.opts.Intend
	if announce == nil || m.ReadOnly {
		return nil
	}
	n, err := tx.changeMark(ctx)
	if err != nil || n == tx.mark && tx.outside == nil {
		return err
	}
	tx.settled, err = announce(ctx)
	return err
}

// settle reports the outcome of a transaction to the function that Intend returned.
func (tx *Tx) settle(p Phase) {
	if tx.settled != nil {
		tx.settled(p)
	}
}

// changeMark returns a number that is larger after the first change of the transaction. On SQLite it is a
// count of rows. On PostgreSQL it is 0 or 1, because a transaction gets its id at its first change.
func (tx *Tx) changeMark(ctx context.Context) (n int64, err error) {
	query := "select total_changes()"
	if tx.Engine == PostgreSQL {
		query = "select count(txid_current_if_assigned())"
	}
	return n, tx.Scan(ctx, &Query{Text: query}, &n)
}
