using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Tests;

/// <summary>A process that dies at a chosen step, a step being whatever it does that lasts: a write, a delete, a message.</summary>
internal sealed class CrashPoint
{
    private int _steps;
    private int _at = int.MaxValue;
    private bool _done;

    /// <summary>Whether the process is dead: nothing more is done by it.</summary>
    public bool Dead { get; private set; }

    /// <summary>Arms it.</summary>
    /// <param name="step">The step it dies at, from 1, counted from now.</param>
    /// <param name="done">Whether the step is done, and only its answer lost.</param>
    public void Arm(int step, bool done) => (_steps, _at, _done) = (0, step, done);

    /// <summary>What happens, once, just before an object is read or changed; true where it was this one that was waited for.</summary>
    public Func<ObjectPath, CancellationToken, Task<bool>>? Meanwhile { get; set; }

    /// <summary>Another process takes over.</summary>
    public void Restart() => (Dead, _at) = (false, int.MaxValue);

    public void RequireAlive()
    {
        if (Dead) throw new CrashedException();
    }

    public async Task TouchAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        // Taken away while it runs: what happens meanwhile touches objects too.
        if (Meanwhile is not { } meanwhile) return;
        Meanwhile = null;
        if (!await meanwhile(path, cancellationToken)) Meanwhile = meanwhile;
    }

    public async Task<T> StepAsync<T>(Func<Task<T>> step)
    {
        RequireAlive();
        var dies = Interlocked.Increment(ref _steps) == _at;
        Dead |= dies;
        if (dies && !_done) throw new CrashedException();
        var result = await step();
        return dies ? throw new CrashedException() : result;
    }
}

internal sealed class CrashedException : Exception;

/// <summary>The store as a process sees it that may die.</summary>
internal sealed class CrashingStore(IObjectStore store, CrashPoint crash) : IObjectStore
{
    public Task<ObjectProperties?> GetPropertiesAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        crash.RequireAlive();
        return store.GetPropertiesAsync(path, cancellationToken);
    }

    public async Task<ObjectContent?> OpenReadAsync(ObjectPath path, ObjectRange? range, CancellationToken cancellationToken)
    {
        crash.RequireAlive();
        await crash.TouchAsync(path, cancellationToken);
        return await store.OpenReadAsync(path, range, cancellationToken);
    }

    public async Task<ObjectProperties> WriteAsync(ObjectPath path, Stream content, WriteOptions? options, CancellationToken cancellationToken)
    {
        await crash.TouchAsync(path, cancellationToken);
        return await crash.StepAsync(() => store.WriteAsync(path, content, options, cancellationToken));
    }

    public Task<bool> DeleteAsync(ObjectPath path, string? ifMatch, CancellationToken cancellationToken)
        => crash.StepAsync(() => store.DeleteAsync(path, ifMatch, cancellationToken));

    public Task<ObjectPage> ListAsync(string container, string prefix, int limit, string? continuation, CancellationToken cancellationToken)
    {
        crash.RequireAlive();
        return store.ListAsync(container, prefix, limit, continuation, cancellationToken);
    }

    public Task<UploadUrl> CreateUploadUrlAsync(ObjectPath path, TimeSpan lifetime, Uri requestBase, CancellationToken cancellationToken)
        => store.CreateUploadUrlAsync(path, lifetime, requestBase, cancellationToken);
}

/// <summary>A queue in memory that survives its process.</summary>
internal sealed class CrashingQueue(CrashPoint crash) : IMessageQueue
{
    public System.Collections.Concurrent.ConcurrentQueue<(string Queue, BinaryData Body, TimeSpan? Delay)> Messages { get; } = [];

    public Task SendAsync(string queue, BinaryData body, SendOptions? options, CancellationToken cancellationToken)
        => crash.StepAsync(() =>
        {
            Messages.Enqueue((queue, body, options?.Delay));
            return Task.FromResult(true);
        });
}
