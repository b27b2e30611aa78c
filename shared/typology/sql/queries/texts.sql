-- name: Version :one
select number from typology.version;

-- name: ListTexts :many
select * from typology.texts order by api, system, code;

-- name: GetText :one
select * from typology.texts where api = @api and system = @system and code = @code;

-- name: PutText :exec
insert into typology.texts (api, system, code, http_status, error_detail_code, error_message, error_message_user, enabled)
values (@api, @system, @code, @http_status, @error_detail_code, @error_message, @error_message_user, @enabled)
on conflict (api, system, code) do update set http_status = excluded.http_status, error_detail_code = excluded.error_detail_code,
    error_message = excluded.error_message, error_message_user = excluded.error_message_user, enabled = excluded.enabled;

-- name: SeedText :exec
insert into typology.texts (api, system, code, http_status, error_detail_code, error_message, error_message_user, enabled)
values (@api, '*', @code, @http_status, @error_detail_code, @error_message, @error_message_user, true)
on conflict do nothing;

-- name: DeleteText :execrows
delete from typology.texts where api = @api and system = @system and code = @code;
