using AIaaS.Trainer;
using AIaaS.Trainer.Commands;

var trainer = new TrainerProcess(TimeProvider.System, Console.Out, Console.Error, [new CommandRunner(TimeProvider.System)]);
return await trainer.RunAsync(args);
