namespace AIaaS.Platform.Tests.Storage;

/// <summary>So many zero bytes, made as they are read.</summary>
internal class GeneratedStream(long length) : Stream
{
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count)
    {
        var read = (int)Math.Min(count, length - _position);
        Array.Clear(buffer, offset, read);
        _position += read;
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>A connection that breaks where the content would end.</summary>
internal sealed class BreakingStream(long length) : GeneratedStream(length)
{
    public override int Read(byte[] buffer, int offset, int count) =>
        base.Read(buffer, offset, count) is > 0 and var read ? read : throw new IOException("The connection broke.");
}

/// <summary>A sender whose request is given up midway.</summary>
internal sealed class CancellingStream(CancellationTokenSource source) : GeneratedStream(1_000_000)
{
    public override int Read(byte[] buffer, int offset, int count)
    {
        if (Position > 500_000) source.Cancel();
        return base.Read(buffer, offset, count);
    }
}

/// <summary>A sender that stops midway until it is released.</summary>
internal sealed class GatedStream() : GeneratedStream(Length)
{
    public new const long Length = 500_000;

    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Reached => _reached.Task;

    public void Release() => _released.SetResult();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position > 0)
        {
            _reached.TrySetResult();
            await _released.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellationToken);
        }

        return await base.ReadAsync(buffer, cancellationToken);
    }
}
