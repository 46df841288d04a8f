using AIaaS.LocalHost.Durable.History;

namespace AIaaS.LocalHost.Tests.Durable;

/// <summary>
/// Dies at a given instant: after so many bytes, each move or deletion counting as one. The write in progress leaves its
/// beginning on the disk, and nothing is written after it.
/// </summary>
internal sealed class CrashingFolder(string folder, long lifetime) : HistoryFolder(folder)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _crashed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _age;

    public Task Crashed => _crashed.Task;

    /// <summary>How long it has lived.</summary>
    public long Age
    {
        get
        {
            lock (_gate)
            {
                return _age;
            }
        }
    }

    protected override void Write(string path, long position, ReadOnlySpan<byte> content)
    {
        lock (_gate)
        {
            var left = (int)Math.Min(content.Length, lifetime - _age);
            if (left == content.Length)
            {
                _age += left;
                base.Write(path, position, content);
                return;
            }

            if (left > 0)
                base.Write(path, position, content[..left]);
            Die();
        }
    }

    protected override void Move(string from, string to)
    {
        lock (_gate)
        {
            if (_age++ >= lifetime)
                Die();
            base.Move(from, to);
        }
    }

    protected override void Delete(string path)
    {
        lock (_gate)
        {
            if (_age++ >= lifetime)
                Die();
            base.Delete(path);
        }
    }

    private void Die()
    {
        _age = lifetime;
        _crashed.TrySetResult();
        throw new IOException("The process was killed.");
    }
}
