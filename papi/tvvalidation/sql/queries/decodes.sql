-- name: Version :one
select number from tvvalidation.version;

-- name: ListTables :many
select * from tvvalidation.tables order by technology, kind;

-- name: GetTable :one
select spec from tvvalidation.tables where technology = @technology and kind = @kind;

-- name: PutTable :exec
insert into tvvalidation.tables (technology, kind, spec) values (@technology, @kind, @spec)
on conflict (technology, kind) do update set spec = excluded.spec;

-- name: DeleteTable :execrows
delete from tvvalidation.tables where technology = @technology and kind = @kind;
