-- name: Version :one
select number from clock.shift;

-- name: Shift :one
select number, micros from clock.shift;

-- name: Move :exec
update clock.shift set number = number + 1, micros = @micros;
