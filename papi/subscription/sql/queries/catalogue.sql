-- name: CatalogueVersion :one
SELECT number FROM subscription.catalogue_version;

-- name: ListCatalogue :many
SELECT * FROM subscription.catalogue ORDER BY kind, length(id), id;

-- name: ListEntities :many
SELECT * FROM subscription.catalogue WHERE kind = @kind ORDER BY length(id), id;

-- name: GetEntity :one
SELECT * FROM subscription.catalogue WHERE kind = @kind AND id = @id;

-- name: PutEntity :exec
INSERT INTO subscription.catalogue (kind, id, spec, secrets) VALUES (@kind, @id, @spec, @secrets)
ON CONFLICT (kind, id) DO UPDATE SET spec = excluded.spec, secrets = excluded.secrets;

-- name: DeleteEntity :execrows
DELETE FROM subscription.catalogue WHERE kind = @kind AND id = @id;
