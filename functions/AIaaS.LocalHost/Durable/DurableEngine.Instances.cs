using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;

namespace AIaaS.LocalHost.Durable;

internal sealed partial class DurableEngine
{
    private readonly ConcurrentDictionary<string, EndedInstance> _ended = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaitedCreations = new(StringComparer.Ordinal);
    private readonly Lock _listing = new();
    private bool _endedListed;

    private static JsonDataConverter Converter => JsonDataConverter.Default;

    public static string NewExecutionId() => Guid.NewGuid().ToString("N");

    public bool HasOrchestrator(string name) => _functions.TryGetOrchestrator(name, out _);

    /// <summary>Creates an instance and lets it begin.</summary>
    /// <returns>Whether it exists now; not when another instance of its id has not ended.</returns>
    public async Task<bool> TryCreateAsync(ExecutionStarted started, CancellationToken cancellationToken)
    {
        var key = HistoryFolder.KeyOf(started.InstanceId);
        while (true)
        {
            DurableInstance ended;
            lock (_registry)
            {
                if (!_active.TryGetValue(started.InstanceId, out var existing))
                {
                    if (started.Parent is not null && WasStartedBy(key, started.Parent))
                        return true;
                    Create(key, started with { Received = _delivered.Of(started.InstanceId) });
                    return true;
                }

                if (started.Parent is not null && existing.Started.Parent == started.Parent)
                    return true;
                if (existing.Ended is null)
                    return false;
                ended = existing;
            }

            await LeftAsync([ended], cancellationToken);
        }
    }

    /// <returns>Whether the instance existed and had not ended.</returns>
    public bool Terminate(string instanceId, string? output, bool recursive)
    {
        if (!_active.TryGetValue(instanceId, out var instance))
            return false;
        lock (instance.Gate)
        {
            if (instance.Ended is not null)
                return false;
            Append(instance, new ExecutionEnded(
                Now, OrchestrationRuntimeStatus.Terminated, output, null, instance.CustomStatus, null, recursive));
            instance.Run = null;
        }

        AfterEnd(instance);
        return true;
    }

    /// <returns>Whether the instance existed and was in a state that allows it.</returns>
    public bool Suspend(string instanceId, string? reason) => Change(
        instanceId, instance => !instance.Suspended, new ExecutionSuspended(Now, reason));

    /// <inheritdoc cref="Suspend"/>
    public bool Resume(string instanceId, string? reason) => Change(
        instanceId, instance => instance.Suspended, new ExecutionResumed(Now, reason));

    public void RaiseEvent(string instanceId, string name, string? input) => RaiseEvent(instanceId, new EventRaised(name, input));

    public OrchestrationMetadata? Find(string instanceId, bool withPayloads)
    {
        if (_active.TryGetValue(instanceId, out var instance))
            return Describe(instance, withPayloads);
        var key = HistoryFolder.KeyOf(instanceId);
        if (!withPayloads && _ended.TryGetValue(instanceId, out var ended))
            return Describe(ended.Started, ended.Ended, false);
        return _files.ReadEnded(key) is { } found ? Describe(found.Started, found.Ended, withPayloads) : null;
    }

    /// <summary>The first record of an instance's present or last execution.</summary>
    public ExecutionStarted? FindStart(string instanceId) => _active.TryGetValue(instanceId, out var instance)
        ? instance.Started
        : _files.ReadEnded(HistoryFolder.KeyOf(instanceId))?.Started;

    public Task<OrchestrationMetadata> WaitForBeginAsync(string instanceId, bool withPayloads, CancellationToken cancellationToken) =>
        WaitAsync(instanceId, instance => instance.BegunSignal.Task, withPayloads, cancellationToken);

    public Task<OrchestrationMetadata> WaitForEndAsync(string instanceId, bool withPayloads, CancellationToken cancellationToken) =>
        WaitAsync(instanceId, instance => instance.EndedSignal.Task, withPayloads, cancellationToken);

    /// <summary>Lists instances by creation time, oldest first.</summary>
    public Page<OrchestrationMetadata> Query(OrchestrationQuery query, string? continuation, int pageSize)
    {
        ListEnded();
        var after = ReadContinuation(continuation);
        var statuses = query.Statuses?.ToHashSet();
        var from = query.CreatedFrom ?? DateTimeOffset.MinValue;
        var to = query.CreatedTo ?? DateTimeOffset.MaxValue;
        var page = Everything()
            .Where(one => one.CreatedAt >= from && one.CreatedAt <= to
                && (statuses is null or { Count: 0 } || statuses.Contains(one.RuntimeStatus))
                && one.InstanceId.StartsWith(query.InstanceIdPrefix ?? string.Empty, StringComparison.Ordinal)
                && (after is null || Order(one, after.Value) > 0))
            .Order(Comparer<OrchestrationMetadata>.Create((a, b) => Order(a, (b.CreatedAt, b.InstanceId))))
            .Take(pageSize + 1)
            .ToList();
        string? next = null;
        if (page.Count > pageSize)
        {
            page.RemoveAt(pageSize);
            next = WriteContinuation(page[^1]);
        }

        return new Page<OrchestrationMetadata>(
            query.FetchInputsAndOutputs ? [.. page.Select(one => Find(one.InstanceId, true) ?? one)] : page, next);
    }

    /// <returns>Whether there was such an instance and it had ended.</returns>
    public async Task<bool> PurgeAsync(string instanceId, CancellationToken cancellationToken)
    {
        if (_active.TryGetValue(instanceId, out var instance))
            await LeftAsync([instance], cancellationToken);
        return Purge(instanceId);
    }

    /// <returns>How many ended instances were purged.</returns>
    public async Task<int> PurgeAsync(PurgeInstancesFilter filter, CancellationToken cancellationToken)
    {
        await LeftAsync(_active.Values, cancellationToken);
        return Purge(filter);
    }

    private static int Order(OrchestrationMetadata one, (DateTimeOffset Created, string InstanceId) other)
    {
        var byTime = one.CreatedAt.CompareTo(other.Created);
        return byTime != 0 ? byTime : string.CompareOrdinal(one.InstanceId, other.InstanceId);
    }

    private static string WriteContinuation(OrchestrationMetadata last) => Base64Url.EncodeToString(
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{last.CreatedAt.UtcTicks} {last.InstanceId}")));

    private static (DateTimeOffset Created, string InstanceId)? ReadContinuation(string? continuation)
    {
        if (string.IsNullOrEmpty(continuation))
            return null;
        try
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(continuation)).Split(' ', 2);
            if (parts.Length == 2 && long.TryParse(parts[0], CultureInfo.InvariantCulture, out var ticks))
                return (new DateTimeOffset(ticks, TimeSpan.Zero), parts[1]);
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            // Reported below with all other strange tokens.
        }

        throw new ArgumentException("The continuation token is not one that a query returned.", nameof(continuation));
    }

    private static OrchestrationMetadata Describe(DurableInstance instance, bool withPayloads)
    {
        lock (instance.Gate)
        {
            return instance.Ended is { } ended
                ? Describe(instance.Started, ended, withPayloads)
                : Describe(instance.Started, instance.Status, instance.LastUpdated, null, null, instance.CustomStatus, withPayloads);
        }
    }

    private static OrchestrationMetadata Describe(ExecutionStarted started, ExecutionEnded ended, bool withPayloads) =>
        Describe(started, ended.Status, ended.Time, ended.Output, ended.Failure, ended.CustomStatus, withPayloads);

    private static OrchestrationMetadata Describe(
        ExecutionStarted started,
        OrchestrationRuntimeStatus status,
        DateTime lastUpdated,
        string? output,
        Failure? failure,
        string? customStatus,
        bool withPayloads) => new(started.Name, started.InstanceId)
        {
            RuntimeStatus = status,
            CreatedAt = started.Created,
            LastUpdatedAt = lastUpdated,
            Tags = started.Tags ?? new Dictionary<string, string>(),
            DataConverter = withPayloads ? Converter : null,
            SerializedInput = withPayloads ? started.Input : null,
            SerializedOutput = withPayloads ? output : null,
            SerializedCustomStatus = withPayloads ? customStatus : null,
            FailureDetails = withPayloads ? failure?.ToDetails() : null,
        };

    /// <summary>Waits for instances that have ended to leave the engine, which they are about to.</summary>
    private async Task LeftAsync(IEnumerable<DurableInstance> instances, CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        await Task.WhenAll(instances.Where(instance => instance.Ended is not null).Select(instance => instance.LeftSignal.Task))
            .WaitAsync(linked.Token);
    }

    private bool Purge(string instanceId)
    {
        lock (_registry)
        {
            var key = HistoryFolder.KeyOf(instanceId);
            if (_active.ContainsKey(instanceId) || !_files.HasEnded(key))
                return false;
            _files.DeleteEnded(key);
            _ended.TryRemove(instanceId, out _);
            return true;
        }
    }

    private int Purge(PurgeInstancesFilter filter)
    {
        ListEnded();
        var statuses = filter.Statuses?.ToHashSet();
        return _ended.Values
            .Where(ended => ended.Started.Created >= (filter.CreatedFrom ?? DateTimeOffset.MinValue)
                && ended.Started.Created <= (filter.CreatedTo ?? DateTimeOffset.MaxValue)
                && (statuses is null or { Count: 0 } || statuses.Contains(ended.Ended.Status)))
            .Count(ended => Purge(ended.Started.InstanceId));
    }

    private bool WasStartedBy(string key, ParentLink parent) => _files.ReadEnded(key)?.Started.Parent == parent;

    private void Create(string key, ExecutionStarted started)
    {
        var frame = HistoryFrame.Encode(started);
        _files.Create(key, frame);
        _ended.TryRemove(started.InstanceId, out _);
        var instance = new DurableInstance(key, started, frame.Length);
        _active[started.InstanceId] = instance;
        lock (instance.Gate)
        {
            if (started.StartAt is { } startAt && startAt > Now)
                _timers.Add(startAt, () => QueueTurnLocked(instance));
            else
                QueueTurn(instance);
        }

        if (_awaitedCreations.TryRemove(started.InstanceId, out var awaited))
            awaited.TrySetResult();
    }

    private bool Change(string instanceId, Func<DurableInstance, bool> allowed, HistoryRecord record)
    {
        if (!_active.TryGetValue(instanceId, out var instance))
            return false;
        lock (instance.Gate)
        {
            if (instance.Ended is not null || !allowed(instance))
                return false;
            Append(instance, record);
            QueueTurn(instance);
            return true;
        }
    }

    private async Task<OrchestrationMetadata> WaitAsync(
        string instanceId, Func<DurableInstance, Task> signal, bool withPayloads, CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        TaskCompletionSource? awaited = null;
        while (true)
        {
            if (_active.TryGetValue(instanceId, out var instance))
            {
                await signal(instance).WaitAsync(linked.Token);
                return Describe(instance, withPayloads);
            }

            if (Find(instanceId, withPayloads) is { } ended)
                return ended;
            if (awaited is { Task.IsCompleted: false })
            {
                await awaited.Task.WaitAsync(linked.Token);
                continue;
            }

            // It may have been created since it was looked for: look once more before waiting.
            awaited = _awaitedCreations.GetOrAdd(
                instanceId, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    private IEnumerable<OrchestrationMetadata> Everything()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var instance in _active.Values)
        {
            seen.Add(instance.Id);
            yield return Describe(instance, false);
        }

        foreach (var ended in _ended.Values.Where(ended => !seen.Contains(ended.Started.InstanceId)))
        {
            yield return Describe(ended.Started, ended.Ended, false);
        }
    }

    /// <summary>Reads the ends of all ended histories once; from then on they are known.</summary>
    private void ListEnded()
    {
        lock (_listing)
        {
            if (_endedListed)
                return;
            foreach (var key in _files.EndedKeys())
            {
                if (_files.ReadEnded(key) is { } found)
                    _ended.TryAdd(found.Started.InstanceId, EndedInstance.Of(key, found.Started, found.Ended));
            }

            _endedListed = true;
        }
    }
}
