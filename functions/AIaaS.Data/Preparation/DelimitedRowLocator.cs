using System.Text;

namespace AIaaS.Data.Preparation;

/// <summary>Walks through the records of a delimited file as DuckDB does, past those it rejected.</summary>
/// <param name="path">The file that DuckDB read: UTF-8, its line ends all LF or all CR LF.</param>
/// <param name="dialect">How it is laid out.</param>
/// <param name="skippedRecords">Records before the first row, blank ones and the header included.</param>
/// <param name="rejectedPath">Pairs of a rejected record's position, as DuckDB tells it, and its length; the length is 0 where its quotes are in order.</param>
internal sealed class DelimitedRowLocator(string path, DelimitedDialect dialect, int skippedRecords, string rejectedPath) : IRowLocator
{
    /// <summary>DuckDB refuses records of 2 MB; a longer one means that the walk has lost its way.</summary>
    private const int LongestRecord = 16 * 1024 * 1024;

    private readonly FileStream _stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
    private readonly PairReader _rejected = new(rejectedPath);
    private readonly byte _delimiter = (byte)dialect.Delimiter;
    private byte[] _buffer = new byte[1024 * 1024];
    private int _start;
    private int _end;
    private bool _isAtEnd;
    private long _position;
    private long _line = 1;
    private long _next;
    private int _skipped;
    private bool _isLost;

    public LocatedRow? At(long ordinal)
    {
        while (!_isLost && _next <= ordinal)
        {
            int length = RecordLength();
            if (length == 0)
            {
                _isLost = true;
                break;
            }
            ReadOnlySpan<byte> record = _buffer.AsSpan(_start, length).TrimEnd("\r\n"u8);
            if (_skipped < skippedRecords)
            {
                _skipped++;
            }
            else if (record.IsEmpty && dialect.Columns > 1)
            {
                // DuckDB passes over blank lines, and counts one as a missing value only where it is the whole row.
            }
            else if (_rejected.Current is { } rejected && !record.IsEmpty && _position >= rejected.First - 1)
            {
                Pass(rejected.Second);
                length = rejected.Second > 0 ? RecordLength() : length;
                _rejected.MoveNext();
            }
            else if (_next++ == ordinal)
            {
                var found = new LocatedRow(_line, Encoding.UTF8.GetString(record));
                _isLost = DelimitedRecords.Read(found.Raw, dialect.Delimiter).Fields.Count != dialect.Columns;
                Advance(length);
                return _isLost ? null : found;
            }
            Advance(length);
        }
        return null;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _rejected.Dispose();
    }

    /// <summary>Bytes of the record at the start of the buffer with its line end; 0 at the end of the file, or when no end is found.</summary>
    private int RecordLength()
    {
        bool quoted = false;
        int at = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(_start + at, _end - _start - at);
            int found = quoted ? rest.IndexOf((byte)'"') : rest.IndexOfAny((byte)'"', (byte)'\n');
            // What a quote means is told by the byte after it.
            bool needsMore = found < 0 || (quoted && found + 1 == rest.Length);
            if (needsMore && !_isAtEnd)
            {
                at += found < 0 ? rest.Length : found;
                if (at > LongestRecord)
                    return 0;
                Fill();
                continue;
            }
            if (found < 0)
                return _end - _start;
            at += found + 1;
            if (rest[found] == '\n')
                return at;
            if (!quoted)
                quoted = at == 1 || _buffer[_start + at - 2] == _delimiter;
            else if (at < _end - _start && _buffer[_start + at] == '"')
                at++;
            else
                quoted = false;
        }
    }

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        int read = _stream.Read(_buffer.AsSpan(_end));
        _end += read;
        _isAtEnd = read == 0;
    }

    private void Pass(long length)
    {
        while (length > 0)
        {
            if (_start == _end)
                Fill();
            if (_isAtEnd && _start == _end)
                return;
            int count = (int)Math.Min(length, _end - _start);
            Advance(count);
            length -= count;
        }
    }

    private void Advance(int count)
    {
        _line += _buffer.AsSpan(_start, count).Count((byte)'\n');
        _start += count;
        _position += count;
    }
}
