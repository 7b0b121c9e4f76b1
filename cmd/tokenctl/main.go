// Command tokenctl administers the API tokens of Django REST Framework
// applications directly in their database.
package main

func main() {}
