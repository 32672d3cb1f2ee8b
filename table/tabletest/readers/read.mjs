// Prints the rows of Parquet files: node read.mjs duckdb|hyparquet FILE...
//
// The first line of each file is a JSON object with the column names. Every other line is a
// row, as a JSON array of cells: null, a number (REAL, DOUBLE), a string, or an array of these. The
// strings are exact, and the same for every reader: decimals with all places of their
// scale, timestamps with microseconds, bytes as base64.
import { createWriteStream } from 'node:fs'

const [reader, ...files] = process.argv.slice(2)
const out = createWriteStream(null, { fd: 1 })

async function print(row) {
  if (!out.write(JSON.stringify(row) + '\n')) await new Promise(ready => out.once('drain', ready))
}

const SECOND = 1000000n
const pad = (n, width) => String(n).padStart(width, '0')

function decimal(unscaled, scale) {
  const digits = pad(unscaled < 0n ? -unscaled : unscaled, scale + 1)
  const text = scale ? digits.slice(0, -scale) + '.' + digits.slice(-scale) : digits
  return (unscaled < 0n ? '-' : '') + text
}

function day(days) {
  return new Date(Number(days) * 86400000).toISOString().slice(0, 10)
}

function clock(micros) {
  const seconds = micros / SECOND
  return `${pad(seconds / 3600n, 2)}:${pad(seconds / 60n % 60n, 2)}:${pad(seconds % 60n, 2)}.${pad(micros % SECOND, 6)}`
}

function timestamp(micros) {
  const perDay = 86400n * SECOND
  let days = micros / perDay
  if (micros < days * perDay) days--
  return day(days) + 'T' + clock(micros - days * perDay)
}

const base64 = bytes => Buffer.from(bytes).toString('base64')

async function duckdb(file) {
  const api = await import('@duckdb/node-api')
  const connection = await (await api.DuckDBInstance.create(':memory:')).connect()
  const result = await connection.stream('SELECT * FROM read_parquet($file)', { file })
  await print({ columns: result.columnNames() })

  const floating = result.columnTypes().map(t => ['FLOAT', 'DOUBLE'].includes((t.valueType ?? t).toString()))

  const cell = (v, i) => {
    if (v === null) return null
    if (v instanceof api.DuckDBListValue) return v.items.map(item => cell(item, i))
    if (v instanceof api.DuckDBDecimalValue) return decimal(v.value, v.scale)
    if (v instanceof api.DuckDBDateValue) return day(v.days)
    if (v instanceof api.DuckDBTimeValue) return clock(v.micros)
    if (v instanceof api.DuckDBTimestampValue) return timestamp(v.micros)
    if (v instanceof api.DuckDBTimestampTZValue) return timestamp(v.micros) + 'Z'
    if (v instanceof api.DuckDBBlobValue) return base64(v.bytes)
    return floating[i] ? v : String(v)
  }
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return
    for (const row of chunk.getRows()) await print(row.map(cell))
  }
}

async function hyparquet(file) {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetSchema } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  const buffer = await asyncBufferFromFile(file)
  const metadata = await parquetMetadataAsync(buffer)

  const columns = parquetSchema(metadata).children.map(field => {
    const list = field.children.length > 0
    const element = list ? field.children[0].children[0].element : field.element
    return { name: field.element.name, list, cell: exact(element) }
  })
  await print({ columns: columns.map(c => c.name) })

  for (let start = 0, i = 0; i < metadata.row_groups.length; i++) {
    const end = start + Number(metadata.row_groups[i].num_rows)
    let rows
    await parquetRead({
      file: buffer, metadata, compressors, utf8: false, rowStart: start, rowEnd: end, onComplete: r => { rows = r },
      parsers: { timestampFromMicroseconds: micros => micros, dateFromDays: days => days },
    })
    for (const row of rows) {
      await print(row.map((v, j) => {
        const cell = item => item === null || item === undefined ? null : columns[j].cell(item)
        return columns[j].list && v ? Array.from(v, cell) : cell(v)
      }))
    }
    start = end
  }
}

// exact returns what makes text of a value. It removes DECIMAL from the schema, because
// hyparquet makes floating-point numbers of it.
function exact(element) {
  const { converted_type: type, logical_type: logical, scale = 0 } = element
  if (type === 'DECIMAL') {
    delete element.converted_type
    delete element.logical_type
    return v => decimal(v instanceof Uint8Array ? BigInt.asIntN(128, BigInt('0x' + Buffer.from(v).toString('hex'))) : BigInt(v), scale)
  }
  if (type === 'DATE') return day
  if (logical?.type === 'TIME') return clock
  if (logical?.type === 'TIMESTAMP') return logical.isAdjustedToUTC ? v => timestamp(v) + 'Z' : timestamp
  if (element.type === 'BYTE_ARRAY' && type !== 'UTF8') return base64
  if (element.type === 'FLOAT' || element.type === 'DOUBLE') return v => v
  return String
}

for (const file of files) await { duckdb, hyparquet }[reader](file)
out.end()
