//! Every kind of numbered object counts in a series of its own; that of the orders goes on where it was.

crate::dialect::step! { "
CREATE TABLE number_series (
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (series, year)
);
INSERT INTO number_series (series, year, last) SELECT 'ACOR', year, last FROM order_number;
DROP TABLE order_number
" }
