package schema

// A Migration is one row of django_migrations; its id and the time of applying
// are the database's and the caller's.
type Migration struct {
	App, Name string
}

// Migrations are the migrations that [Statements] stand for, in the order in
// which Django 4.2 applies them.
//
// One is younger than the rest and changes no table: the names that simplejwt 5.5.1
// gave its models. With it recorded, `migrate --check` is content with that
// release too; a Django that does not have the file passes over the row.
func Migrations() []Migration {
	return []Migration{
		{"contenttypes", "0001_initial"},
		{"auth", "0001_initial"},
		{"admin", "0001_initial"},
		{"admin", "0002_logentry_remove_auto_add"},
		{"admin", "0003_logentry_add_action_flag_choices"},
		{"contenttypes", "0002_remove_content_type_name"},
		{"auth", "0002_alter_permission_name_max_length"},
		{"auth", "0003_alter_user_email_max_length"},
		{"auth", "0004_alter_user_username_opts"},
		{"auth", "0005_alter_user_last_login_null"},
		{"auth", "0006_require_contenttypes_0002"},
		{"auth", "0007_alter_validators_add_error_messages"},
		{"auth", "0008_alter_user_username_max_length"},
		{"auth", "0009_alter_user_last_name_max_length"},
		{"auth", "0010_alter_group_name_max_length"},
		{"auth", "0011_update_proxy_permissions"},
		{"auth", "0012_alter_user_first_name_max_length"},
		{"authtoken", "0001_initial"},
		{"authtoken", "0002_auto_20160226_1747"},
		{"authtoken", "0003_tokenproxy"},
		{"authtoken", "0004_alter_tokenproxy_options"},
		{"knox", "0001_initial"},
		{"knox", "0002_auto_20150916_1425"},
		{"knox", "0003_auto_20150916_1526"},
		{"knox", "0004_authtoken_expires"},
		{"knox", "0005_authtoken_token_key"},
		{"knox", "0006_auto_20160818_0932"},
		{"knox", "0007_auto_20190111_0542"},
		{"knox", "0008_remove_authtoken_salt"},
		{"knox", "0009_extend_authtoken_field"},
		{"sessions", "0001_initial"},
		{"token_blacklist", "0001_initial"},
		{"token_blacklist", "0002_outstandingtoken_jti_hex"},
		{"token_blacklist", "0003_auto_20171017_2007"},
		{"token_blacklist", "0004_auto_20171017_2013"},
		{"token_blacklist", "0005_remove_outstandingtoken_jti"},
		{"token_blacklist", "0006_auto_20171017_2113"},
		{"token_blacklist", "0007_auto_20171017_2214"},
		{"token_blacklist", "0008_migrate_to_bigautofield"},
		{"token_blacklist", "0010_fix_migrate_to_bigautofield"},
		{"token_blacklist", "0011_linearizes_history"},
		{"token_blacklist", "0012_alter_outstandingtoken_user"},
		{"token_blacklist", "0013_alter_blacklistedtoken_options_and_more"},
	}
}
