package engine

import "context"

// A journal records each transaction that changes something. An entry of the journal has an intent, which is written
// before the commit, and a settlement, which is written after the end. Package commands writes both; this package
// decides when, because every transaction runs in [DB.TransactOn]:
//
//  1. The caller's function changes rows. If a command delivers secrets, it writes the intent before the delivery.
//  2. Tx.intend calls [Options.Intend]. It writes the intent if step 1 did not. Its error rolls back the transaction.
//  3. The functions of [Tx.BeforeCommit] make the changes outside the database. Then comes the commit.
//  4. The functions of [Tx.AtEnd] run, after a commit and after a rollback.
//  5. Tx.settle calls the function that Options.Intend returned in step 2. It writes the settlement.
//
// A transaction that is rolled back in step 1 never gets to step 2, and Tx.settle has nothing to call. The command then
// settles its own intent when [Options.Phase] reports the rollback.

// intend calls [Options.Intend] if the transaction has changed something, or is about to do so outside the database.
func (tx *Tx) intend(ctx context.Context, m Mode) error {
	write := tx.db.opts.Intend
	if write == nil || m.ReadOnly {
		return nil
	}
	n, err := tx.changeMark(ctx)
	if err != nil || n == tx.mark && tx.outside == nil {
		return err
	}
	tx.writeSettlement, err = write(ctx)
	return err
}

// settle has the settlement written if the intent was: p, the last phase of the transaction, is its outcome.
func (tx *Tx) settle(p Phase) {
	if tx.writeSettlement != nil {
		tx.writeSettlement(p)
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
