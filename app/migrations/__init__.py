"""The steps from one version's tables to the next. `app.db.Database.migrate` takes them."""
