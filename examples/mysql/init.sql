-- Run once on each machine before the first start of Holdfast. It is not replicated: both machines have it.
SET sql_log_bin = 0;
SET GLOBAL read_only = 0;
CREATE USER IF NOT EXISTS 'holdfast'@'%' IDENTIFIED BY 'change-me';
GRANT PROCESS, RELOAD, CONNECTION ADMIN, BINLOG MONITOR, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, SLAVE MONITOR, SUPER ON *.* TO 'holdfast'@'%';
CREATE USER IF NOT EXISTS 'replica'@'%' IDENTIFIED BY 'change-me-too';
GRANT REPLICATION SLAVE ON *.* TO 'replica'@'%';
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'app';
CREATE DATABASE IF NOT EXISTS app;
GRANT ALL ON app.* TO 'app'@'%';
CREATE TABLE IF NOT EXISTS app.t (id BIGINT PRIMARY KEY, machine VARCHAR(64) NOT NULL) ENGINE = InnoDB;
SET GLOBAL read_only = 1;
