using AIaaS.Trainer;
using AIaaS.Trainer.Commands;
using AIaaS.Trainer.Preparation;
using AIaaS.Trainer.Training;

var time = TimeProvider.System;
var trainer = new TrainerProcess(time, Console.Out, Console.Error, [new CommandRunner(time), new PrepareRunner(time), new TrainRunner(time)]);
return await trainer.RunAsync(args);
