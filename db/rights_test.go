package db_test

import (
	"fmt"
	"testing"

	"tokenctl/db"
)

// TestRightsOf: groups in their order, and each permission once, whether the user or a group
// has it.
func TestRightsOf(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		ann, ben := newUser(t, s, "ann"), newUser(t, s, "ben")
		for _, statement := range []string{
			`insert into django_content_type (id, app_label, model) values (1000, 'shop', 'order')`,
			`insert into auth_permission (id, name, content_type_id, codename) values (1001, 'a', 1000, 'a'), (1002, 'b', 1000, 'b'), (1003, 'c', 1000, 'c')`,
			`insert into auth_group (id, name) values (11, 'ops'), (12, 'Dev'), (13, 'none')`,
			`insert into auth_user_groups (user_id, group_id) values (%[1]s, 11), (%[1]s, 12), (%[2]s, 13)`,
			`insert into auth_group_permissions (group_id, permission_id) values (11, 1001), (12, 1001), (12, 1002)`,
			`insert into auth_user_user_permissions (user_id, permission_id) values (%[1]s, 1002), (%[1]s, 1003)`,
		} {
			execute(t, address, fmt.Sprintf(statement+"%.0[1]s%.0[2]s", ann.ID, ben.ID))
		}
		for _, test := range []struct {
			user db.User
			want string
		}{{ann, "&{[Dev ops] 3}"}, {ben, "&{[none] 0}"}} {
			if err := s.Read(t.Context(), func(tx *db.Tx) error {
				rights, err := tx.RightsOf(t.Context(), tx.Layout.User, &test.user)
				if got := fmt.Sprint(rights); got != test.want {
					t.Errorf("%s: %s, want %s", test.user.Username, got, test.want)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		// A model without groups, such as one without PermissionsMixin.
		execute(t, address, `drop table auth_user_groups`)
		execute(t, address, `drop table auth_user_user_permissions`)
		if err := s.Read(t.Context(), func(tx *db.Tx) error {
			rights, err := tx.RightsOf(t.Context(), tx.Layout.User, &ann)
			if rights != nil {
				t.Errorf("%v", rights)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}
