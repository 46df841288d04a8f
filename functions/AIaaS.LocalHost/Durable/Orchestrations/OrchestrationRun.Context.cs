using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AIaaS.LocalHost.Durable.History;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace AIaaS.LocalHost.Durable.Orchestrations;

internal sealed partial class OrchestrationRun
{
    private sealed class Context(OrchestrationRun run, ILoggerFactory loggerFactory) : TaskOrchestrationContext
    {
        /// <summary>The name space of deterministic GUIDs in the genuine packages.</summary>
        private static readonly Guid GuidNamespace = new("9e952958-5e33-4daf-827f-2fa12937b875");

        private int _guidCounter;

        public override TaskName Name => run._started.Name;

        public override string InstanceId => run._started.InstanceId;

        public override ParentOrchestrationInstance? Parent { get; } = run._started.Parent is { } parent
            ? new ParentOrchestrationInstance(parent.Name, parent.InstanceId)
            : null;

        public override DateTime CurrentUtcDateTime => run._time;

        public override bool IsReplaying => run._replaying;

        public override string Version => run._started.Version ?? string.Empty;

        protected override ILoggerFactory LoggerFactory => loggerFactory;

        public override T? GetInput<T>()
            where T : default
        {
            run.EnsureInTurn();
            return Converter.Deserialize<T>(run._started.Input);
        }

        public override Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null)
        {
            run.EnsureInTurn();
            if (input is TaskOptions && options is null)
                throw new ArgumentException("Task options were given as the activity's input. Pass them as options.", nameof(input));

            var serialized = Converter.Serialize(input);
            return RetryAsync<TResult>(
                name,
                options?.Retry,
                () => run.Schedule(new OrchestrationAction(run._nextActionId++, ActionKind.Activity, name.Name, serialized)));
        }

        public override Task<TResult> CallSubOrchestratorAsync<TResult>(
            TaskName orchestratorName, object? input = null, TaskOptions? options = null)
        {
            run.EnsureInTurn();
            var subOptions = options as SubOrchestrationOptions;
            var instanceId = subOptions?.InstanceId ?? NewGuid().ToString("N");
            var version = subOptions?.Version?.Version;
            var serialized = Converter.Serialize(input);
            return RetryAsync<TResult>(
                orchestratorName,
                options?.Retry,
                () => run.Schedule(new OrchestrationAction(
                    run._nextActionId++, ActionKind.SubOrchestration, orchestratorName.Name, serialized, instanceId, Version: version)));
        }

        public override async Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
        {
            run.EnsureInTurn();
            var id = run._nextActionId++;
            var timer = run.Schedule(new OrchestrationAction(id, ActionKind.Timer, FireAt: fireAt.ToUniversalTime()));
            using var registration = cancellationToken.Register(() =>
            {
                if (!run._thread.IsCurrent)
                    run.ReportIllegalAwait();
                else if (run._waiting.Remove(id, out var waiting))
                {
                    run._cancelledTimers.Add(id);
                    waiting.SetCanceled(cancellationToken);
                }
            });
            await timer;
        }

        public override Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default)
        {
            run.EnsureInTurn();
            ArgumentNullException.ThrowIfNull(eventName);
            var early = run._earlyEvents.FindIndex(raised => string.Equals(raised.Name, eventName, StringComparison.OrdinalIgnoreCase));
            if (early >= 0)
            {
                var input = run._earlyEvents[early].Input;
                run._earlyEvents.RemoveAt(early);
                return Task.FromResult(Converter.Deserialize<T>(input)!);
            }

            var waiter = new EventWaiter<T>();
            if (!run._eventWaiters.TryGetValue(eventName, out var waiters))
                run._eventWaiters.Add(eventName, waiters = []);
            else if (waiters.Peek().EventType != typeof(T))
            {
                throw new ArgumentException(
                    $"Events with the same name must have the same type: '{eventName}' is awaited as {waiters.Peek().EventType} and now as {typeof(T)}.",
                    nameof(eventName));
            }

            waiters.Enqueue(waiter);
            cancellationToken.Register(() =>
            {
                if (run._thread.IsCurrent)
                    waiter.TrySetCanceled(cancellationToken);
                else
                    run.ReportIllegalAwait();
            });
            return waiter.Task;
        }

        public override void SendEvent(string instanceId, string eventName, object payload)
        {
            run.EnsureInTurn();
            run._actions.Add(new OrchestrationAction(
                run._nextActionId++, ActionKind.Event, eventName, Converter.Serialize(payload), instanceId));
        }

        public override void SetCustomStatus(object? customStatus)
        {
            run.EnsureInTurn();
            run._statusSet = true;
            run._status = customStatus;
        }

        public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true)
        {
            run.EnsureInTurn();
            run._continueAsNew = (Converter.Serialize(newInput), preserveUnprocessedEvents);
        }

        public override Guid NewGuid()
        {
            run.EnsureInTurn();
            var name = string.Create(
                CultureInfo.InvariantCulture, $"{InstanceId}_{CurrentUtcDateTime:o}_{_guidCounter++}");
            var named = new byte[16 + Encoding.UTF8.GetByteCount(name)];
            GuidNamespace.TryWriteBytes(named, bigEndian: true, out _);
            Encoding.UTF8.GetBytes(name, named.AsSpan(16));

            // Version 5 of RFC 4122 is defined over SHA-1; nothing here is secret.
#pragma warning disable CA5350
            var hash = SHA1.HashData(named);
#pragma warning restore CA5350
            hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
            hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
            return new Guid(hash.AsSpan(0, 16), bigEndian: true);
        }

        private async Task<TResult> RetryAsync<TResult>(string name, TaskRetryOptions? retry, Func<Task<string?>> schedule)
        {
            var began = CurrentUtcDateTime;
            for (var attempt = 1; ; attempt++)
            {
                string? result;
                try
                {
                    result = await schedule();
                }
                catch (FailedTask failed)
                {
                    var failure = new TaskFailedException(name, failed.TaskId, failed.Failure.ToDetails());
                    if (retry is null || failed.Failure.NonRetriable || !await ShouldRetryAsync(retry, attempt, began, failure))
                        throw failure;
                    continue;
                }

                return Converter.Deserialize<TResult>(result)!;
            }
        }

        private async Task<bool> ShouldRetryAsync(TaskRetryOptions retry, int attempt, DateTime began, TaskFailedException failure)
        {
            var elapsed = CurrentUtcDateTime - began;
            if (retry.Handler is { } handler)
                return await handler(new RetryContext(this, attempt, failure.FailureDetails, elapsed, CancellationToken.None));

            var policy = retry.Policy!;
            if (attempt >= policy.MaxNumberOfAttempts
                || (policy.RetryTimeout != Timeout.InfiniteTimeSpan && elapsed >= policy.RetryTimeout)
                || !policy.Handle(failure))
            {
                return false;
            }

            var milliseconds = policy.FirstRetryInterval.TotalMilliseconds * Math.Pow(policy.BackoffCoefficient, attempt - 1);
            var longest = policy.MaxRetryInterval == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : policy.MaxRetryInterval;
            var delay = milliseconds < longest.TotalMilliseconds ? TimeSpan.FromMilliseconds(milliseconds) : longest;
            await CreateTimer(CurrentUtcDateTime.Add(delay), CancellationToken.None);
            return true;
        }
    }
}
