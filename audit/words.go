package audit

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Words returns the words that people use in keys.
func Words() []string { return slices.Sorted(maps.Keys(commonWords())) }

// commonWords returns the set of words that people use in keys.
var commonWords = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(`
		access account admin alice alpha and any apple application apply april are auth authentication authorization autumn backend battery
		beef beta bill billing black blue bob brown build but cafe cake carol change changeme charlie check client cloud coffee company
		config connect correct count customer data database dave dead deadbeef default delta demo deploy dev develop development django
		dog door dragon echo email empty erin example fall feed fire first flag football for fox foxtrot frank free friday from front
		fruit game gamma get god gold good great green guest hello here home horse house how inside internal invalid invoice jump jumps
		just key keys king lazy let letmein live local log login long love machine mail main make mallory manage manager market master
		member mobile monday monkey month more mouse name never new nobody not number oauth old one only open operator orange order out
		over over owner panel partner pass password passwd payment phone place placeholder please plus private prod production project
		public purple python queen quick qwerty random rest read real red report request reset robot root running sales sample script
		second secret secure security server service session shadow shop should simple site some spam spring staff staging staple star
		start static store string summer sun super superuser support system temp temporary test tester testing that the their them then
		there these thing this three time today token tokens tree trust try tuesday two unknown upper use user users valid value very
		welcome when white who winter with word work world write xxx year yellow you your zero zulu`) {
		set[w] = true
	}
	return set
})
